#include "core/reactor/accept_op.h"

#include <utility>

namespace sluice::core {

void Accepted::OnReady() { op.Deliver(*this); }

void AcceptOp::Deliver(Accepted& accepted) {
  if (accepted.last) {
    in_flight = false;
    cancel_requested = false;
  }
  accepted_.Push(accepted);
  if (waiter) std::exchange(waiter, {}).resume();
}

int AcceptOp::TakeConnection() {
  Accepted* accepted = static_cast<Accepted*>(accepted_.Pop());
  const int fd = accepted->fd;
  delete accepted;
  return fd;
}

}  // namespace sluice::core
