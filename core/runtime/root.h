// RootBase: the control block of a task. There are two kinds:
//
//   RootPromise<T>    a coroutine that returns a Root<T> has its control block in its frame: one
//                     allocation. What lives as long as a session is a Root.
//   TaskCell<T>       holds any other coroutine, a Task<T>, as the body of the task: two, both from
//                     the cache of frames. (task_cell.h)
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
// about to end then; such a runtime lists the tasks that wait (task_registry.h).
//
// Memory orders: the task's acq_rel exchange to kFinished meets the handle's acquire (a load or a
// failed CAS): the result is seen; the waiter published by the handle's CAS is seen by the task.
// abort_ orders nothing: the note goes through the inbox. The acquire load that finds the last
// reference meets the acq_rel decrements of the others.
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
#include "core/task/run_watcher.h"
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

// The part that depends neither on the kind nor on the type of the result. As a Node it is the
// task's first event: its start.
class RootBase : public Runnable, private Node {
 public:
  RootBase() : Runnable(static_cast<Node&>(*this)) {}

  // Before it is put on a run queue.
  void Launch(Shared& shared) {
    set_scheduler(shared);
    shared.NoteTaskBegin();
  }
  void Launch(Shared& shared, Worker* current) {  // that the calling thread is, or null
    set_scheduler(shared);
    shared.NoteTaskBegin(current);
  }
  // The same for a task that never leaves a worker. It begins even if it is aborted before, with
  // its scope cancelled: what it holds goes where it would have run.
  void LaunchLocal(Scheduler& local, Shared& shared) {
    Launch(shared);
    set_scheduler(local);
  }

  // Launched, before it is put on a run queue: `watched` schedules it from now on.
  void LaunchWatched(Scheduler& watched) { set_scheduler(watched); }

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
    if (IsLastRef() || refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }

  // While it does not run: what it is suspended on; null for what nothing can cut short.
  const Waiter* waits_for() const { return own_scope_.pending(); }

  // Of the result, which is taken once, when it has finished.
  bool never_begun() const { return never_begun_; }

 protected:
  ~RootBase() = default;

  // Runs the body until it first suspends.
  virtual void Begin() = 0;
  // Lets go of the memory, and of the result if nothing has taken it.
  virtual void Destroy() = 0;
  // Null: none. It lives until it has been told.
  virtual TaskEndObserver* end_observer() = 0;

  // What Begin has run has ended.
  void BodyEnded() final;

  CancelScope& own_scope() { return own_scope_; }
  // An exception that nothing has asked for.
  void Lose(std::exception_ptr exception) { shared().LoseException(std::move(exception)); }

 private:
  friend class TaskRegistry;
  class AbortNote;

  // By one that holds a reference: no other does. That takes no locked instruction.
  bool IsLastRef() const { return refs_.load(std::memory_order_acquire) == 1; }
  bool ended() const { return done() || body_ended_; }

  static constexpr uintptr_t kNoJoiner = 0;
  static constexpr uintptr_t kFinished = 1;
  static constexpr uint8_t kNone = 0;
  static constexpr uint8_t kRequested = 1;
  static constexpr uint8_t kClosed = 2;

  void OnReady() final;
  void OnAbort();
  void Finish() final;

  Shared& shared() const { return static_cast<Shared&>(scheduler().whole()); }
  bool local() const {
    const RunWatcher* const watcher = scheduler().watcher();
    const Scheduler& own = watcher == nullptr ? scheduler() : watcher->behind();
    return &own != &own.whole();
  }

  // The TaskRegistry's, while it is listed: the Node has been its first event.
  RootBase* next_listed() const { return static_cast<RootBase*>(Node::next); }
  void set_next(RootBase* root) { Node::next = root; }
  RootBase* previous_listed() const { return previous_; }
  void set_previous(RootBase* root) { previous_ = root; }

  CancelScope own_scope_;
  RootBase* previous_ = nullptr;  // in the TaskRegistry
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

// What a JoinHandle<T> holds.
template <typename T>
class Joinable : public RootBase {
 public:
  // When it has finished, once.
  virtual core::Outcome<T> TakeOutcome() = 0;

 protected:
  ~Joinable() = default;
};

template <typename T>
class RootPromiseBase : public Joinable<T>, public PromiseBase {
 public:
  RootPromiseBase() {
    this->task = this;
    this->scope = &this->own_scope();
  }
  Root<T> get_return_object() { return Root<T>(static_cast<RootPromise<T>&>(*this)); }
  void DestroyUnspawned() { self().destroy(); }

  // Before it is launched.
  void set_end_observer(TaskEndObserver* observer) { end_observer_ = observer; }

  struct FinalAwaiter {
    RootPromiseBase& root;
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept { root.BodyEnded(); }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {*this}; }

  core::Outcome<T> TakeOutcome() final {
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
  void Destroy() final {
    if (this->failed()) [[unlikely]]
      this->Lose(this->TakeException());
    self().destroy();
  }
  TaskEndObserver* end_observer() final { return end_observer_; }

  TaskEndObserver* end_observer_ = nullptr;
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

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_ROOT_H_
