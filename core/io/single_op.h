// SingleOp: the base of awaitables whose op has one completion: Send, Connect, Poll.
#ifndef SLUICE_CORE_IO_SINGLE_OP_H_
#define SLUICE_CORE_IO_SINGLE_OP_H_

#include <cerrno>
#include <coroutine>
#include <type_traits>

#include "core/base/result.h"
#include "core/io/op_wait.h"
#include "core/reactor/op.h"
#include "core/task/task.h"

namespace sluice::core {

// A single op: `IoResult<...> r = co_await Send(...)`.
template <typename Result, typename OpType = SingleShotOp>
class SingleOp {
 public:
  SingleOp(OpKind kind, int fd) : op_(kind, fd) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) {
      op_.result = -ECANCELED;
      return false;
    }
    if (SubmitHere(op_, *promise.task)) return false;
    wait_.Begin(op_, handle, promise.scope);
    return true;
  }
  IoResult<Result> await_resume() {
    wait_.End(op_);
    if (op_.result < 0) return IoError(-op_.result);
    if constexpr (std::is_void_v<Result>) {
      return {};
    } else {
      return static_cast<Result>(op_.result);
    }
  }

 protected:
  OpType op_;

 private:
  OpWait wait_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_SINGLE_OP_H_
