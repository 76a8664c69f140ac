#include "core/io/attempt.h"

#include <utility>

namespace sluice::core {
namespace {

// Attempts in vain that are made without a pause.
constexpr uint8_t kInVain = 8;

}  // namespace

// Without budget the poll is the way to let others run.
bool Attempt::Begin(Runnable& owner) {
  task = &owner;
  if (!lane_.drained && owner.ConsumeBudget()) {
    outcome_ = Try();
    if (outcome_ != -EAGAIN) return true;
  }
  return Wait(owner);
}

bool Attempt::Wait(Runnable& owner) {
  while (SubmitHere(*this, owner)) {
    if (AfterPoll()) return true;
  }
  return false;
}

bool Attempt::AfterPoll() {
  outcome_ = result < 0 ? result : Try();
  if (outcome_ != -EAGAIN) return true;
  drained = ++in_vain_ == kInVain;  // the next poll pauses first
  if (drained) in_vain_ = 0;
  return false;
}

void Attempt::OnReady() {
  const bool cancelled = cancel_requested;
  const std::coroutine_handle<> waits = std::exchange(waiter, {});
  Op::OnReady();
  if (in_flight) {  // not ready after all (epoll)
    waiter = waits;
    return;
  }
  if (!AfterPoll()) {
    if (cancelled) {
      outcome_ = -ECANCELED;
    } else if (!Wait(*task)) {
      waiter = waits;
      return;
    }
  }
  waits.resume();
}

}  // namespace sluice::core
