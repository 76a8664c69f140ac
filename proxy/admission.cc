#include "proxy/admission.h"

namespace sluice::proxy {

Verdict Admission::Try(const core::Address& client, core::Nanos now) {
  if (!reserve_.HasMemory(now)) {
    return {.refusal = Refusal::kMemory, .retry_in = HeapReserve::kRetry};
  }
  Ticket ticket;
  if (!sources_.TryAcquire(client, ticket.source)) return {.refusal = Refusal::kSource};
  ConnectionLimit* full = nullptr;
  ticket.connections = LimitSlot::TryAcquire(all_, own_, full);
  if (full != nullptr) {
    return {.refusal = full == &all_ ? Refusal::kConnections : Refusal::kListener, .full = full};
  }
  if (const core::Nanos wait = own_rate_.TryTake(now); wait > 0) {
    return {.refusal = Refusal::kRate, .retry_in = wait};
  }
  if (const core::Nanos wait = all_rate_.TryTake(now); wait > 0) {
    own_rate_.GiveBack();
    return {.refusal = Refusal::kRate, .retry_in = wait};
  }
  return {.ticket = std::move(ticket)};
}

}  // namespace sluice::proxy
