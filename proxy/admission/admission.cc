#include "proxy/admission/admission.h"

namespace sluice::proxy {

Verdict Admission::Full(ConnectionLimit& limit) const {
  return {.refusal = &limit == &all_ ? all_is_full_ : Refusal::kListener, .full = &limit};
}

// 0: one has been taken from both. Else from neither, and before that time it is no use.
core::Nanos Admission::TakeFromRates(core::Nanos now) {
  if (const core::Nanos wait = own_rate_.TryTake(now); wait > 0) return wait;
  const core::Nanos wait = all_rate_.TryTake(now);
  if (wait > 0) own_rate_.GiveBack();
  return wait;
}

Verdict Admission::Try(const core::Address& client, core::Nanos now) {
  if (!reserve_.HasMemory(now)) {
    return {.refusal = Refusal::kMemory, .retry_in = HeapReserve::kRetry};
  }
  Ticket ticket;
  if (!sources_.TryAcquire(client, ticket.source)) return {.refusal = Refusal::kSource};
  ConnectionLimit* full = LimitSlot::FindFull(all_, own_);
  if (full != nullptr) return Full(*full);
  if (const core::Nanos wait = TakeFromRates(now); wait > 0) {
    return {.refusal = Refusal::kRate, .retry_in = wait};
  }
  ticket.connections = LimitSlot::TryAcquire(all_, own_, full);
  if (full != nullptr) {
    own_rate_.GiveBack();
    all_rate_.GiveBack();
    return Full(*full);
  }
  return {.ticket = std::move(ticket)};
}

}  // namespace sluice::proxy
