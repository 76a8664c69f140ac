// Spawn: makes a coroutine a task of its own; JoinHandle: waits for its result.
//
// The task's control block is the promise of its outermost coroutine, the root. A coroutine that
// returns a Root<T> is one itself; any other, a Task<T>, gets a small root that awaits it. What
// lives as long as a session is a Root: that is one frame less.
//
// Two hold the control block: the running task and the handle; the last one frees it.
//
//   joiner_:   kNobody ── handle awaits ──► the waiter ── task ends: posts it ──► kFinished
//                 └─────────────────── task ends ────────────────────────────────────▲
//
// Memory order: the task's acq_rel exchange to kFinished meets the handle's acquire (a load or a
// failed CAS): the result is seen; the waiter published by the handle's CAS is seen by the task.
// Threads: a JoinHandle belongs to one task at a time; dropping it detaches the task. Awaiting it
// is not cut short by a cancelled scope: to end a task early, give it a CancellationToken.
// Checked by: tests/core/runtime/spawn_test.cc, tests/model.
#ifndef SLUICE_CORE_RUNTIME_SPAWN_H_
#define SLUICE_CORE_RUNTIME_SPAWN_H_

#include <coroutine>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/sched/worker.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename T>
class RootPromise;

// Told when a task has ended, after its result is out.
class TaskEndObserver {
 public:
  virtual void TaskEnded() = 0;

 protected:
  ~TaskEndObserver() = default;
};

// The part of a root's promise that does not depend on the type of the result. As a Node it is the
// task's first event: its start.
class RootBase : public PromiseBase, public Runnable, private Node {
 public:
  RootBase() : Runnable(static_cast<Node&>(*this)) {
    task = this;
    scope = &own_scope_;
  }

  struct FinalAwaiter {
    RootBase& root;
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept { root.MarkDone(); }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {*this}; }

  // Before it is put on a run queue. `observer`: or null; outlives the task.
  void Launch(Shared& shared, TaskEndObserver* observer) {
    set_scheduler(shared);
    end_observer_ = observer;
    shared.live_tasks.fetch_add(1, std::memory_order_relaxed);
  }

  // The handle's side.
  class Joiner : public Node {
   protected:
    ~Joiner() = default;

   private:
    friend class RootBase;
    Runnable* task_ = nullptr;  // whose waiter it is; written before it is published in joiner_
  };
  // True when `joiner`, of `waiting_task`, will be posted; false when the task has ended.
  bool Await(Joiner& joiner, Runnable& waiting_task);
  bool finished() const { return joiner_.load(std::memory_order_acquire) == kFinished; }
  void Unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }

  virtual void Destroy() = 0;

 protected:
  ~RootBase() = default;

 private:
  static constexpr uintptr_t kNobody = 0;
  static constexpr uintptr_t kFinished = 1;

  void Finish() override;

  Shared& shared() const { return static_cast<Shared&>(scheduler()); }

  CancelScope own_scope_;
  TaskEndObserver* end_observer_ = nullptr;
  Atomic<uintptr_t> joiner_{kNobody};
  Atomic<uint32_t> refs_{2};
};

// Owns a root that has not been spawned. It cannot be awaited.
template <typename T = void>
class [[nodiscard]] Root {
 public:
  using promise_type = RootPromise<T>;

  explicit Root(RootPromise<T>& promise) : promise_(&promise) {}
  Root(Root&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Root& operator=(Root&& other) noexcept {
    std::swap(promise_, other.promise_);
    return *this;
  }
  ~Root() {
    if (promise_ != nullptr) promise_->Destroy();
  }

  RootPromise<T>* Release() { return std::exchange(promise_, nullptr); }

 private:
  RootPromise<T>* promise_;
};

template <typename T>
class RootPromiseBase : public RootBase {
 public:
  Root<T> get_return_object() { return Root<T>(static_cast<RootPromise<T>&>(*this)); }
  void Destroy() final { self().destroy(); }

 protected:
  ~RootPromiseBase() = default;

 private:
  std::coroutine_handle<RootPromise<T>> self() {
    return std::coroutine_handle<RootPromise<T>>::from_promise(static_cast<RootPromise<T>&>(*this));
  }
  void OnReady() final { self().resume(); }
};

template <typename T>
class RootPromise final : public RootPromiseBase<T> {
 public:
  template <typename U>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  T TakeValue() { return *std::move(result_); }

 private:
  std::optional<T> result_;
};

template <>
class RootPromise<void> final : public RootPromiseBase<void> {
 public:
  void return_void() {}
  void TakeValue() {}
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

  class Awaiter final : public RootBase::Joiner {
   public:
    explicit Awaiter(RootPromise<T>& root) : root_(root) {}
    bool await_ready() const { return root_.finished(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      waiter_ = handle;
      return root_.Await(*this, *handle.promise().task);
    }
    T await_resume() { return root_.TakeValue(); }
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

namespace internal {

template <typename T>
Root<T> MakeRoot(Task<T> task) {
  co_return co_await std::move(task);
}

}  // namespace internal

// Any thread; the task starts soon: on `worker` if it is given, else on whatever worker, and what
// one task spawns starts in order there. `observer` outlives the task.
template <typename T>
JoinHandle<T> SpawnOn(Shared& shared, Worker* worker, Root<T> task,
                      TaskEndObserver* observer = nullptr) {
  RootPromise<T>* root = task.Release();
  root->Launch(shared, observer);
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
template <typename T>
JoinHandle<T> SpawnOn(Shared& shared, Worker* worker, Task<T> task,
                      TaskEndObserver* observer = nullptr) {
  return SpawnOn(shared, worker, internal::MakeRoot(std::move(task)), observer);
}

// Inside a task.
template <typename T>
JoinHandle<T> Spawn(Task<T> task) {
  return SpawnOn(Worker::Current()->shared(), nullptr, std::move(task));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_SPAWN_H_
