#include "proxy/admission/admission.h"

#include <utility>

namespace sluice::proxy {
namespace {

Admission::Result TryAgainAt(core::Instant at, Rejection cause, WhenExhausted when_exhausted) {
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
core::Duration Admission::TakeFromRates(core::Instant now) {
  if (const core::Duration wait = rate_.TryTake(now); wait > 0s) return wait;
  const core::Duration wait = process_.rate.TryTake(now);
  if (wait > 0s) rate_.GiveBack();
  return wait;
}

Admission::Result Admission::Admit(const core::Address& client, core::Instant now,
                                   WhenExhausted when_exhausted) {
  if (!process_.reserve.HasMemory(now)) {
    return TryAgainAt(now + HeapReserve::kRetry, Rejection::kMemory, when_exhausted);
  }
  Ticket ticket;
  if (!sources_.TryAcquire(client, ticket.source)) return Rejection::kSource;
  ConnectionLimit* exhausted = LimitSlot::FindExhausted(process_.connections, connections_);
  if (exhausted != nullptr) return Exhausted(*exhausted, when_exhausted);
  if (const core::Duration wait = TakeFromRates(now); wait > 0s) {
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
