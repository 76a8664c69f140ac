// Root<T>: the outermost coroutine of a task. Its promise, RootPromise<T>, is the control block.
//
// A coroutine that returns a Root<T> is one itself; any other, a Task<T>, gets a small root that
// awaits it. What lives as long as a session is a Root: that is one frame less.
//
// The running task, the JoinHandle and every AbortHandle hold the control block; the last one frees
// it.
//
//   joiner_:   kNoJoiner ── handle awaits ──► the waiter ── task ends: posts it ──► kFinished
//                  │ ▲                          │                                      ▲
//                  │ └── the wait is cut short ─┘                                      │
//                  └───────────────────── task ends ───────────────────────────────────┘
//
// An abort is an event of the task like any other: it cancels the task's scope. Only the first one
// is posted, and none to a task that has ended:
//
//   abort_:    kNone ── Abort ──► kRequested: a note is on its way ── OnReady: cancels the scope
//                │                    │
//                │ the body ends      │ the body ends: the task ends when the note has come
//                ▼                    ▼
//              kClosed ◄──────────────┘
//
// A task that finds kRequested when it is to begin does not begin. Nor does one whose runtime is
// about to end then; such a runtime lists its tasks (task_registry.h), in words that a root does
// not use while it runs.
//
// Memory orders: the task's acq_rel exchange to kFinished meets the handle's acquire (a load or a
// failed CAS): the result is seen; the waiter published by the handle's CAS is seen by the task.
// abort_ orders nothing: the note goes through the inbox.
// Checked by: tests/core/runtime/spawn_test.cc, tests/core/runtime/abort_test.cc, tests/model.
#ifndef SLUICE_CORE_RUNTIME_ROOT_H_
#define SLUICE_CORE_RUNTIME_ROOT_H_

#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/sched/shared.h"
#include "core/task/cancel_scope.h"
#include "core/task/outcome.h"
#include "core/task/runnable.h"
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
    void await_suspend(std::coroutine_handle<>) noexcept { root.BodyEnded(); }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {*this}; }

  // Before it is put on a run queue. `observer`: or null; outlives the task.
  void Launch(Shared& shared, TaskEndObserver* observer) {
    set_scheduler(shared);
    end_observer_ = observer;
    shared.NoteTaskBegin();
  }
  // The same for a task that never leaves a worker. It begins even if it is aborted before, with
  // its scope cancelled: what it holds goes where it would have run.
  void LaunchLocal(Scheduler& local, Shared& shared, TaskEndObserver* observer) {
    Launch(shared, observer);
    set_scheduler(local);
  }

  // The handle's side.
  class Joiner : public Waiter {
   protected:
    ~Joiner() = default;

   private:
    friend class RootBase;
    Runnable* task_ = nullptr;  // that waits; written before it is published in joiner_
  };
  // True when `joiner`, of `waiting_task`, will be posted; false when the task has ended.
  bool Await(Joiner& joiner, Runnable& waiting_task);
  // The wait is cut short: `joiner` is posted at once, unless it is on its way.
  void StopAwaiting(Joiner& joiner);
  bool finished() const { return joiner_.load(std::memory_order_acquire) == kFinished; }

  // Any thread that holds a reference: cancels the task's scope. Returns false if the task's
  // code has ended, or if it has been aborted before.
  bool Abort();

  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) Free();
  }

  // While it does not run: what it is suspended on; null for what nothing can cut short.
  const Waiter* waits_for() const { return own_scope_.pending(); }

  // Of the result, which is taken once, when it has finished.
  bool never_begun() const { return never_begun_; }
  using PromiseBase::TakeException;

 protected:
  ~RootBase() = default;

 private:
  friend class TaskRegistry;
  class AbortNote;

  static constexpr uintptr_t kNoJoiner = 0;
  static constexpr uintptr_t kFinished = 1;
  static constexpr uint8_t kNone = 0;
  static constexpr uint8_t kRequested = 1;
  static constexpr uint8_t kClosed = 2;

  virtual void Begin() = 0;
  virtual void Destroy() = 0;

  void OnReady() final;
  void BodyEnded();
  void OnAbort();
  void Finish() override;
  void Free();

  Shared& shared() const { return static_cast<Shared&>(scheduler().whole()); }
  bool local() const { return &scheduler() != &scheduler().whole(); }

  // The TaskRegistry's, while it is listed: the Node has been its first event, and nothing awaits a
  // root.
  RootBase* next_listed() const { return static_cast<RootBase*>(Node::next); }
  void set_next(RootBase* root) { Node::next = root; }
  RootBase* previous_listed() const { return static_cast<RootBase*>(successor.kept()); }
  void set_previous(RootBase* root) { successor.Keep(root); }

  CancelScope own_scope_;
  TaskEndObserver* end_observer_ = nullptr;
  Atomic<uintptr_t> joiner_{kNoJoiner};
  Atomic<uint32_t> refs_{2};
  Atomic<uint8_t> abort_{kNone};
  // Bits: a word less in each session. The task's, and after its end the handle's.
  bool note_came_ : 1 = false;
  bool body_ended_ : 1 = false;
  bool never_begun_ : 1 = false;
  bool listed_ : 1 = false;
  uint8_t list_ = 0;  // of the TaskRegistry
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
    if (promise_ != nullptr) promise_->DestroyUnspawned();
  }

  RootPromise<T>* Release() { return std::exchange(promise_, nullptr); }

 private:
  RootPromise<T>* promise_;
};

template <typename T>
class RootPromiseBase : public RootBase {
 public:
  Root<T> get_return_object() { return Root<T>(static_cast<RootPromise<T>&>(*this)); }
  void DestroyUnspawned() { self().destroy(); }

  // When it has finished, once.
  core::Outcome<T> TakeOutcome() {
    if (this->never_begun()) return core::Outcome<T>::OfCancellation();
    if (std::exception_ptr thrown = this->TakeException()) {
      return core::Outcome<T>::OfException(std::move(thrown));
    }
    return core::Outcome<T>(static_cast<RootPromise<T>&>(*this).TakeValue());
  }

 protected:
  ~RootPromiseBase() = default;

 private:
  std::coroutine_handle<RootPromise<T>> self() {
    return std::coroutine_handle<RootPromise<T>>::from_promise(static_cast<RootPromise<T>&>(*this));
  }
  void Begin() final { self().resume(); }
  void Destroy() final { self().destroy(); }
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
  Unit TakeValue() { return {}; }
};

namespace internal {

template <typename T>
Root<T> MakeRoot(Task<T> task) {
  co_return co_await std::move(task);
}

}  // namespace internal

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_ROOT_H_
