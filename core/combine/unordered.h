// Unordered<T>: any number of awaitables side by side inside one task; values come as they end.
//
//     Unordered<Page> pages;
//     for (const Url& url : urls) pages.Add(Fetch(url));              // may borrow: same task
//     while (std::optional<Page> page = co_await pages.Next()) Show(*page);
//
//   FRESH ── Next is awaited ──► RUNNING ── ends ──► ENDED ── Next brings its value ──► gone
//
// What is added begins, in order, when Next is awaited, and then goes on also while the owner waits
// for something else; what is added while Next waits begins at once. More may be added at any time,
// also by what runs in it.
//
// Cancelling: when the scope in which Next waits is cancelled, or was before, all are, and Next
// still brings each of them: the plain loop above always ends with an empty set. To wait for Next
// *or* something else without cancelling what is in the set, use a SelectLoop
// (core/task/select_loop.h). An exception that one of them throws is thrown by the Next that would
// have brought its value; the others go on.
//
// It is destroyed only when nothing of it runs or waits to be taken: a loop that is left early ends
// with `co_await pages.Drain()`. Like the `FuturesUnordered` of Rust's futures crate, but a part is
// resumed by its own event: the others are not looked at.
//
// One node for each, besides its frame, of the same memory (core/task/frame_cache.h).
// Threads: inside one task. Checked by: tests/core/combine/unordered_test.cc.
#ifndef SLUICE_CORE_COMBINE_UNORDERED_H_
#define SLUICE_CORE_COMBINE_UNORDERED_H_

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/cancel_scope.h"
#include "core/task/frame_cache.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename T = void>
class Unordered {
 public:
  using Value = typename Task<T>::Value;  // Unit for void

  Unordered() = default;
  Unordered(const Unordered&) = delete;
  Unordered& operator=(const Unordered&) = delete;
  ~Unordered() {
    SLUICE_CHECK_USE(running_.empty() && ended_.empty(),
                     "await Next() until it brings nothing, or Drain(), before an Unordered goes");
    DropFresh();
  }

  void Add(Task<T> part) {
    fresh_.Push(*new Part(*this, std::move(part)));
    ++size_;
    if (waiting_ != nullptr && !starting_) {  // else the loop below on the stack starts it
      StartFresh();
      if (!ended_.empty()) waiting_->PostOnce();
    }
  }
  // Anything else that brings a T, as long as it can be moved or lives elsewhere (an lvalue). A
  // coroutine is made of it.
  template <Awaitable A>
    requires(!std::same_as<std::remove_cvref_t<A>, Task<T>>)
  void Add(A&& awaitable) {
    static_assert(std::is_lvalue_reference_v<A> || std::move_constructible<A>,
                  "it would be gone before it is awaited: wrap it in a Task");
    Add(Await<A>(HeldAwaitable<A>(std::forward<A>(awaitable))));
  }

  // How many there are whose value has not been taken.
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Those that have ended go, with their values and exceptions.
  void DropEnded() {
    while (!ended_.empty()) (void)TakeFirst(ended_);
  }

  // Parts are being begun: one that is added now begins behind them, not at once.
  bool begins() const { return starting_; }
  // A Next waits: one that is added now begins.
  bool waits() const { return waiting_ != nullptr; }

  // Asks all of them to give up, also those that are added later; Next still brings each of them.
  void Cancel() {
    cancelled_ = true;
    for (Part* part = running_.first(); part != nullptr; part = part->next) {
      part->row.scopes[0].Cancel();
    }
  }

  // All have been asked to, since the last Drain: what begins now could only give up.
  bool cancelled() const { return cancelled_; }

  // For a set that is empty: what is added from now on is not asked to give up.
  void Renew() {
    SLUICE_DCHECK(empty());
    cancelled_ = false;
  }

  class NextAwaiter;
  class Waiting;  // for awaiters of another kind that wait for parts
  // `std::optional<Value> value = co_await set.Next();` Nothing: the set is empty.
  NextAwaiter Next() { return NextAwaiter(*this); }

  // Drops what has not begun, cancels what runs and waits for it; values and exceptions are
  // dropped. Afterwards the set is empty, and as good as new.
  Task<void> Drain() {
    DropFresh();
    Cancel();
    while (!empty()) {
      try {
        (void)co_await Next();
      } catch (...) {  // it has ended, which is all that is asked for
      }
    }
    cancelled_ = false;
  }

 private:
  struct Part final : ChildObserver {
    static void* operator new(size_t size) { return FrameCache::Allocate(size); }
    static void operator delete(void* part, size_t size) { FrameCache::Free(part, size); }

    Part(Unordered& set, Task<T> task)
        : set(set), task(std::move(task)), row(set.around_parts_.scopes[0]) {}
    ~Part() { task.DropException(); }
    std::coroutine_handle<> ChildDone() override { return set.Ended(*this); }
    Unordered& set;
    Task<T> task;
    ScopeRow<1> row;
    Part* next = nullptr;  // of those in the same state
    Part* previous = nullptr;
  };

  // Those in one state, in the order in which they came to it.
  class Parts {
   public:
    bool empty() const { return first_ == nullptr; }
    Part* first() const { return first_; }
    void Push(Part& part) {
      part.previous = last_;
      part.next = nullptr;
      (last_ == nullptr ? first_ : last_->next) = &part;
      last_ = &part;
    }
    void Remove(Part& part) {
      (part.previous == nullptr ? first_ : part.previous->next) = part.next;
      (part.next == nullptr ? last_ : part.next->previous) = part.previous;
    }

   private:
    Part* first_ = nullptr;
    Part* last_ = nullptr;
  };

  template <typename A>
  static Task<T> Await(HeldAwaitable<A> awaitable) {
    co_return co_await awaitable.get();
  }

  void StartFresh() {
    starting_ = true;
    while (Part* const first = fresh_.first()) {
      Part& part = *first;
      fresh_.Remove(part);
      running_.Push(part);
      if (cancelled_) part.row.scopes[0].Cancel();
      part.task.Start(task_, part.row.scopes.data(), part);
    }
    starting_ = false;
  }

  std::coroutine_handle<> Ended(Part& part) {
    running_.Remove(part);
    ended_.Push(part);
    if (starting_ || waiting_ == nullptr || waiting_->posted_) return std::noop_coroutine();
    return waiting_->PartEnded();
  }

  std::unique_ptr<Part> TakeFirst(Parts& parts) {
    Part& part = *parts.first();
    parts.Remove(part);
    --size_;
    return std::unique_ptr<Part>(&part);
  }

  void DropFresh() {
    while (!fresh_.empty()) (void)TakeFirst(fresh_);
  }

  Parts fresh_;
  Parts running_;
  Parts ended_;
  size_t size_ = 0;
  Waiting* waiting_ = nullptr;
  Runnable* task_ = nullptr;  // the owner's; since the first Next
  ScopeRow<1> around_parts_;  // around it: the scope of the Next that waits
  bool starting_ = false;     // the owner, or one of the parts, is below on the stack
  bool cancelled_ = false;
};

// Waits until a part has ended: then PartEnded tells what goes on, or, if that part was added while
// it waited and never waited itself, OnReady comes.
template <typename T>
class Unordered<T>::Waiting : public Waiter {
 public:
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void Cancel() final { set_.Cancel(); }

 protected:
  explicit Waiting(Unordered& set) : set_(set) {}
  ~Waiting() = default;

  // Begins what is fresh. False: there is nothing to wait for, some have ended or there are none.
  bool Begin(Runnable* task, CancelScope* scope) {
    SLUICE_CHECK_USE(set_.waiting_ == nullptr, "await one Next() of an Unordered at a time");
    SLUICE_CHECK_USE(set_.task_ == nullptr || set_.task_ == task,
                     "an Unordered stays in the task that first awaited its Next()");
    set_.task_ = task;
    set_.around_parts_.around = scope;
    if (scope->cancelled()) set_.Cancel();
    set_.StartFresh();
    if (!set_.ended_.empty() || set_.running_.empty()) return false;
    scope_ = scope;
    scope_->Enter(*this);
    set_.waiting_ = this;
    return true;
  }
  // Behind each Begin.
  void End() {
    if (CancelScope* const scope = std::exchange(scope_, nullptr)) scope->Leave(*this);
    set_.waiting_ = nullptr;
    set_.around_parts_.around = nullptr;
    posted_ = false;
  }

 private:
  friend class Unordered;

  virtual std::coroutine_handle<> PartEnded() = 0;

  void PostOnce() {
    if (!std::exchange(posted_, true)) set_.task_->Post(*this);
  }

  Unordered& set_;
  CancelScope* scope_ = nullptr;  // while it waits
  bool posted_ = false;
};

template <typename T>
class [[nodiscard]] Unordered<T>::NextAwaiter final : public Waiting {
 public:
  explicit NextAwaiter(Unordered& set) : Waiting(set), set_(set) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    parent_ = parent;
    return this->Begin(parent.promise().task, parent.promise().scope);
  }
  std::optional<Value> await_resume() {
    this->End();
    if (set_.ended_.empty()) return std::nullopt;
    return std::optional<Value>(set_.TakeFirst(set_.ended_)->task.TakeValue());
  }

  void OnReady() override { parent_.resume(); }

 private:
  std::coroutine_handle<> PartEnded() override { return parent_; }

  Unordered& set_;
  std::coroutine_handle<> parent_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_UNORDERED_H_
