// RunBlocking and SpawnBlocking: calls that block, on threads made for that.
//
//     Outcome<std::string> text = co_await RunBlocking([path] { return ReadFile(path); });
//     JoinHandle<Hash> handle = SpawnBlocking([&] { return HashOf(large); });   // beside the task
//
// A call that blocks (a file, a name service, a computation) holds the worker that makes it, with
// all its sockets and timers. These make it on a thread of the BlockingPool instead:
//
//   QUEUED ── a thread is free or may be started ──► RUNNING ── the call returns ──► ENDED
//      │
//      └── the scope of the task is cancelled ──► CANCELLED: the call is not made
//
// A call that has begun cannot be cancelled: the task waits for its end. At most
// BlockingOptions::threads run at once; the other calls wait in order, each in the frame of its own
// task, so that the queue holds no memory. A thread that has had nothing to do for
// BlockingOptions::idle ends; all have ended when the runtime has gone. If no thread can be started
// and there is none, the outcome is a std::system_error, or std::bad_alloc.
//
// On epoll the same threads make the system calls of files (core/io/file.h). So a call that waits
// for another one, or for a task that reads a file, needs a thread besides its own: as many of
// these as there are threads would wait for ever.
//
// Threads: the pool any; an awaiter its task's.
// Checked by: tests/core/runtime/blocking_test.cc.
#ifndef SLUICE_CORE_RUNTIME_BLOCKING_POOL_H_
#define SLUICE_CORE_RUNTIME_BLOCKING_POOL_H_

#include <coroutine>
#include <cstdint>
#include <exception>
#include <list>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/base/time.h"
#include "core/reactor/blocking_calls.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/spawn.h"
#include "core/sync/wait_list.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core {

struct BlockingOptions {
  uint32_t threads = 512;  // at once; 0: every call fails
  Duration idle = 10s;     // after which a thread without work ends
};

class BlockingCall : public WaitAwaiter {
 public:
  // On a thread of the pool.
  virtual void Make() noexcept = 0;
  // No thread can make it.
  virtual void Fail(std::exception_ptr why) noexcept = 0;

 protected:
  ~BlockingCall() = default;
};

class BlockingPool final : public BlockingCalls {
 public:
  explicit BlockingPool(const BlockingOptions& options) : options_(options) {}
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  // Waits for the calls that have begun. None may be queued.
  ~BlockingPool();

  // False: it has failed, and will not be posted.
  bool Queue(BlockingCall& call);

  // Of a reactor: the calls of reads, writes and opens; a FileOp.
  bool Begin(Op& op) override;
  bool Withdraw(Op& op) override;

  uint32_t threads() const;

 private:
  // One of the two, or none: the thread is to end.
  struct Work {
    BlockingCall* call = nullptr;
    FileOp* op = nullptr;
  };

  // First in, first out, or from anywhere between.
  class Ops {
   public:
    bool empty() const { return first_ == nullptr; }
    size_t size() const { return size_; }
    void Push(FileOp& op);
    FileOp* Pop() {  // not when empty
      FileOp* op = first_;
      Remove(*op);
      return op;
    }
    // True: it was here.
    bool Remove(FileOp& op);

   private:
    FileOp* first_ = nullptr;
    FileOp* last_ = nullptr;
    size_t size_ = 0;
  };
  using Threads = std::list<std::thread>;  // one goes from list to list without memory

  void RunThread();
  Work NextWork();
  std::exception_ptr WhyNoThread(Threads& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !waiting_.empty() || !ops_.empty() || stopping_;
  }

  const BlockingOptions options_;
  mutable absl::Mutex mutex_;
  WaitList<BlockingCall> waiting_ ABSL_GUARDED_BY(mutex_){mutex_};
  Ops ops_ ABSL_GUARDED_BY(mutex_);
  bool op_is_next_ ABSL_GUARDED_BY(mutex_) = false;  // if there is one of either kind
  uint32_t threads_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t idle_ ABSL_GUARDED_BY(mutex_) = 0;  // of them: wait for work
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Threads running_ ABSL_GUARDED_BY(mutex_);
  Threads ended_ ABSL_GUARDED_BY(mutex_);  // to be joined
};

template <typename F>
class [[nodiscard]] RunBlockingAwaiter final : public BlockingCall {
 public:
  using Result = std::invoke_result_t<F&>;

  RunBlockingAwaiter(BlockingPool& pool, F function)
      : pool_(pool), function_(std::move(function)) {}

  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] { return pool_.Queue(*this); });
  }
  Outcome<Result> await_resume() {
    Resumed();
    return outcome_.has_value() ? *std::move(outcome_) : Outcome<Result>::OfCancellation();
  }

  void Make() noexcept override {
    try {
      if constexpr (std::is_void_v<Result>) {
        function_();
        outcome_.emplace(Unit{});
      } else {
        outcome_.emplace(function_());
      }
    } catch (...) {
      outcome_.emplace(Outcome<Result>::OfException());
    }
  }
  void Fail(std::exception_ptr why) noexcept override {
    outcome_.emplace(Outcome<Result>::OfException(std::move(why)));
  }

 private:
  BlockingPool& pool_;
  F function_;
  std::optional<Outcome<Result>> outcome_;
};

// Inside a task: makes the call on a thread of the runtime's pool.
template <typename F>
RunBlockingAwaiter<std::decay_t<F>> RunBlocking(F&& function) {
  return RunBlockingAwaiter<std::decay_t<F>>(RuntimeHandle::Current().blocking_pool(),
                                             std::forward<F>(function));
}

namespace internal {

template <typename F>
Task<std::invoke_result_t<F&>> BlockingTask(BlockingPool& pool, F function) {
  Outcome outcome = co_await RunBlockingAwaiter<F>(pool, std::move(function));
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
    outcome.value();
  } else {
    co_return std::move(outcome).value();
  }
}

}  // namespace internal

// The same beside the task; from any thread on the `runtime` named. What it throws is the outcome.
template <typename F>
auto SpawnBlocking(RuntimeHandle runtime, F&& function) {
  return SpawnOn(
      runtime, nullptr,
      internal::BlockingTask<std::decay_t<F>>(runtime.blocking_pool(), std::forward<F>(function)));
}
template <typename F>
auto SpawnBlocking(F&& function) {
  return SpawnBlocking(RuntimeHandle::Current(), std::forward<F>(function));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_BLOCKING_POOL_H_
