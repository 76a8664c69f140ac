// Turn: what a source that never waits awaits before it brings an item. Internal.
//
//     if (!co_await internal::Turn()) co_return StreamCancelled();
//
// It returns false in a cancelled scope. It counts as one step of the task's turn: a loop over what
// is there at once lets the worker's other tasks run all the same. Threads: inside one task.
// Checked by: tests/core/streams/sources_test.cc.
#ifndef SLUICE_CORE_STREAMS_TURN_H_
#define SLUICE_CORE_STREAMS_TURN_H_

#include <coroutine>

#include "core/sync/wait_list.h"

namespace sluice::core::internal {

class [[nodiscard]] Turn final : public WaitAwaiter {
 public:
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] {
      has_begun_ = true;
      return GoOn();
    });
  }
  bool await_resume() {
    Resumed();
    return has_begun_;
  }

 private:
  bool has_begun_ = false;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_TURN_H_
