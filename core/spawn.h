// Spawn: makes a coroutine a task of its own; JoinHandle: waits for its result.
//
// The task's control block lives in the frame of a small root coroutine that awaits the caller's.
// Two hold it: the running task and the handle; the last one frees it.
//
//   joiner_:   kNobody ── handle awaits ──► the waiter ── task ends: posts it ──► kFinished
//                 └─────────────────── task ends ────────────────────────────────────▲
//
// Memory order: the task's acq_rel exchange to kFinished meets the handle's acquire (a load or a
// failed CAS): the result is seen; the waiter published by the handle's CAS is seen by the task.
// Threads: a JoinHandle belongs to one task at a time; dropping it detaches the task. Awaiting it
// is not cut short by a cancelled scope: to end a task early, give it a CancellationToken.
// Checked by: tests/core/spawn_test.cc, tests/model.
#ifndef SLUICE_CORE_SPAWN_H_
#define SLUICE_CORE_SPAWN_H_

#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/atomic.h"
#include "core/check.h"
#include "core/task.h"
#include "core/worker.h"

namespace sluice::core {

// Told when a task has ended, after its result is out.
class TaskEndObserver {
 public:
  virtual void TaskEnded() = 0;

 protected:
  ~TaskEndObserver() = default;
};

// The part of a root coroutine's promise that does not depend on the type of the result.
class RootBase : public PromiseBase, public Runnable {
 public:
  explicit RootBase(Shared& shared) : Runnable(shared, start_) {
    task = this;
    scope = &own_scope_;
    shared.live_tasks.fetch_add(1, std::memory_order_relaxed);
  }

  struct FinalAwaiter {
    RootBase& root;
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept { root.MarkDone(); }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {*this}; }

  // The handle's side. Await: true when `waiter` will be posted, false when the task has ended.
  bool Await(Node& waiter, Runnable& waiting_task);
  bool finished() const { return joiner_.load(std::memory_order_acquire) == kFinished; }
  void Unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) self.destroy();
  }

  std::coroutine_handle<> self;
  TaskEndObserver* end_observer = nullptr;  // set before the start

 protected:
  ~RootBase() = default;

 private:
  struct StartNode final : Node {
    explicit StartNode(RootBase& owner) : root(owner) {}
    void OnReady() override { root.self.resume(); }
    RootBase& root;
  };
  static constexpr uintptr_t kNobody = 0;
  static constexpr uintptr_t kFinished = 1;

  void Finish() override;

  Shared& shared() const { return static_cast<Shared&>(scheduler()); }

  CancelScope own_scope_;
  StartNode start_{*this};
  Runnable* waiting_task_ = nullptr;  // written before the waiter is published in joiner_
  Atomic<uintptr_t> joiner_{kNobody};
  Atomic<uint32_t> refs_{2};
};

template <typename T>
class RootPromise final : public RootBase {
 public:
  explicit RootPromise(Shared& shared, Task<T>&) : RootBase(shared) {
    self = std::coroutine_handle<RootPromise>::from_promise(*this);
  }
  RootPromise* get_return_object() { return this; }
  void return_value(typename Task<T>::Value value) { result_.emplace(std::move(value)); }
  typename Task<T>::Value TakeValue() { return *std::move(result_); }

 private:
  std::optional<typename Task<T>::Value> result_;
};

template <typename T>
class [[nodiscard]] JoinHandle {
 public:
  explicit JoinHandle(RootPromise<T>* root) : root_(root) {}
  JoinHandle(JoinHandle&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  JoinHandle& operator=(JoinHandle&& other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~JoinHandle() { Detach(); }

  void Detach() {
    if (root_ != nullptr) std::exchange(root_, nullptr)->Unref();
  }
  bool finished() const { return root_->finished(); }

  class Awaiter final : public Node {
   public:
    explicit Awaiter(RootPromise<T>& root) : root_(root) {}
    bool await_ready() const { return root_.finished(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      waiter_ = handle;
      return root_.Await(*this, *handle.promise().task);
    }
    T await_resume() { return static_cast<T>(root_.TakeValue()); }
    void OnReady() override { waiter_.resume(); }

   private:
    RootPromise<T>& root_;
    std::coroutine_handle<> waiter_;
  };

  // `T value = co_await std::move(handle);`
  Awaiter operator co_await() && { return Awaiter(*root_); }

 private:
  RootPromise<T>* root_;
};

}  // namespace sluice::core

template <typename T, typename... Rest>
struct std::coroutine_traits<sluice::core::RootPromise<T>*, sluice::core::Shared&, Rest...> {
  using promise_type = sluice::core::RootPromise<T>;
};

namespace sluice::core {
namespace internal {

template <typename T>
RootPromise<T>* MakeRoot(Shared&, Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    co_return Unit{};
  } else {
    co_return co_await std::move(task);
  }
}

}  // namespace internal

// Any thread; the task starts soon: on `worker` if it is given, else on whatever worker, and what
// one task spawns starts in order there. `observer` outlives the task.
template <typename T>
JoinHandle<T> SpawnOn(Shared& shared, Worker* worker, Task<T> task,
                      TaskEndObserver* observer = nullptr) {
  RootPromise<T>* root = internal::MakeRoot(shared, std::move(task));
  root->end_observer = observer;
  JoinHandle<T> handle(root);
  Worker* current = Worker::Current();
  if (worker != nullptr) {
    worker->ScheduleHere(*root);
  } else if (current != nullptr && &current->shared() == &shared) {
    current->ScheduleLast(*root);
  } else {
    shared.Schedule(*root);
  }
  return handle;
}

// Inside a task.
template <typename T>
JoinHandle<T> Spawn(Task<T> task) {
  return SpawnOn(Worker::Current()->shared(), nullptr, std::move(task));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_SPAWN_H_
