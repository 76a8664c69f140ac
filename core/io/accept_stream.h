// AcceptStream: the connections that arrive at a listening socket.
#ifndef SLUICE_CORE_IO_ACCEPT_STREAM_H_
#define SLUICE_CORE_IO_ACCEPT_STREAM_H_

#include <cerrno>
#include <coroutine>

#include "core/base/result.h"
#include "core/io/op_wait.h"
#include "core/reactor/accept_op.h"
#include "core/task/task.h"

namespace sluice::core {

class AcceptStream {
 public:
  // `one_by_one`: take a connection from the kernel only when Next asks for it.
  explicit AcceptStream(int fd, bool one_by_one = false) : op_(fd) { op_.one_by_one = one_by_one; }

  class NextAwaiter {
   public:
    explicit NextAwaiter(AcceptOp& op) : op_(op) {}
    bool await_ready() const { return op_.has_connection(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      PromiseBase& promise = handle.promise();
      if (promise.scope->cancelled()) {
        cancelled_ = true;
        if (!op_.in_flight) return false;
        op_.waiter = handle;
        op_.Cancel();
        return true;
      }
      if (!op_.in_flight && SubmitHere(op_, *promise.task)) return false;
      wait_.Begin(op_, handle, promise.scope);
      return true;
    }
    IoResult<int> await_resume() {
      wait_.End(op_);
      if (op_.has_connection()) return op_.TakeConnection();
      if (cancelled_) return IoError(ECANCELED);
      return IoError(op_.result < 0 ? -op_.result : ECANCELED);
    }

   private:
    AcceptOp& op_;
    OpWait wait_;
    bool cancelled_ = false;
  };

  // The next descriptor, the caller's from now on. An error (EMFILE and the like) does not end the
  // stream: call Next again. In a cancelled scope it first brings what was accepted already, then
  // ECANCELED, and nothing is in flight any more: always read up to that.
  NextAwaiter Next() { return NextAwaiter(op_); }

  // Whether an accept has not ended yet: after a connection, too, when it was asked to end just
  // before. It has to be read to its end.
  bool in_flight() const { return op_.in_flight; }

  int fd() const { return op_.fd; }

 private:
  AcceptOp op_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_ACCEPT_STREAM_H_
