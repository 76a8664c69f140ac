#include "proxy/admission/admission.h"

#include <utility>

namespace sluice::proxy {
namespace {

Admission::Result TryAgainAt(core::Nanos at, Rejection cause, WhenExhausted when_exhausted) {
  if (when_exhausted == WhenExhausted::kReject) return cause;
  return WaitUntil{.at = at, .cause = cause};
}

}  // namespace

Admission::Result Admission::Exhausted(ConnectionLimit& limit, WhenExhausted when_exhausted) const {
  const bool is_global = &limit == &process_.connections;
  const Rejection cause = is_global ? process_.when_exhausted : Rejection::kListener;
  if (when_exhausted == WhenExhausted::kReject) return cause;
  return WaitForSlot{.limit = &limit, .cause = cause};
}

// Returns 0 if one has been taken from both rates. Else none has been, and before that time has
// passed nothing changes.
core::Nanos Admission::TakeFromRates(core::Nanos now) {
  if (const core::Nanos wait = rate_.TryTake(core::InstantOf(now)).count(); wait > 0) return wait;
  const core::Nanos wait = process_.rate.TryTake(core::InstantOf(now)).count();
  if (wait > 0) rate_.GiveBack();
  return wait;
}

Admission::Result Admission::Admit(const core::Address& client, core::Nanos now,
                                   WhenExhausted when_exhausted) {
  if (!process_.reserve.HasMemory(now)) {
    return TryAgainAt(now + HeapReserve::kRetry, Rejection::kMemory, when_exhausted);
  }
  Ticket ticket;
  if (!sources_.TryAcquire(client, ticket.source)) return Rejection::kSource;
  ConnectionLimit* exhausted = LimitSlot::FindExhausted(process_.connections, connections_);
  if (exhausted != nullptr) return Exhausted(*exhausted, when_exhausted);
  if (const core::Nanos wait = TakeFromRates(now); wait > 0) {
    return TryAgainAt(now + wait, Rejection::kRate, when_exhausted);
  }
  ticket.connections = LimitSlot::TryAcquire(process_.connections, connections_, exhausted);
  if (exhausted != nullptr) {
    rate_.GiveBack();
    process_.rate.GiveBack();
    return Exhausted(*exhausted, when_exhausted);
  }
  return Result(std::move(ticket));
}

}  // namespace sluice::proxy
