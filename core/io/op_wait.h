// OpWait and SubmitHere: what every awaitable over a Reactor consists of.
//
// The awaitables (Send, Connect, Poll, RecvStream, AcceptStream) are for use inside one task and
// run on whatever worker runs it. A wait in a cancelled scope ends with ECANCELED. Descriptors are
// the caller's; close one only when nothing of it is in flight (RecvStream::Stop).
#ifndef SLUICE_CORE_IO_OP_WAIT_H_
#define SLUICE_CORE_IO_OP_WAIT_H_

#include <coroutine>
#include <utility>

#include "core/reactor/op.h"
#include "core/reactor/reactor.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"

namespace sluice::core {

// Hands `op` to the reactor of the current worker. True: done at once.
inline bool SubmitHere(Op& op, Runnable& task) {
  op.task = &task;
  op.reactor = Reactor::Current();
  op.result = 0;
  op.in_flight = true;
  if (!op.reactor->Submit(op)) return false;
  op.in_flight = false;
  return true;
}

// Suspends the coroutine on an op, in its cancel scope.
class OpWait {
 public:
  // After it the op may be resumed at any time by the worker: the last act of await_suspend.
  void Begin(Op& op, std::coroutine_handle<> waiter, CancelScope* scope) {
    scope_ = scope;
    op.waiter = waiter;
    scope->Enter(op);
  }
  void End(Op& op) {
    if (scope_ != nullptr) std::exchange(scope_, nullptr)->Leave(op);
  }

 private:
  CancelScope* scope_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_OP_WAIT_H_
