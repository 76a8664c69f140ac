// JoinSet<T>: tasks whose outcomes are wanted in the order in which they end.
//
//     JoinSet<Page> fetches;
//     for (const Url& url : urls) fetches.Spawn(Fetch(url));
//     while (std::optional<Outcome<Page>> page = co_await fetches.Next()) Use(*page);
//
// A set that goes aborts the tasks that are left and lets go of them; Shutdown waits for them, too.
// What it keeps of a task lies in the task's cell (task_cell.h): a Spawn allocates no more than any
// other. The set holds a reference to each cell until Next has brought its outcome.
//
//   Spawn ──► RUNNING ── ends ──► ENDED ── Next ──► gone       in one of two lists, under one lock
//                │ the set goes: aborted, and gone when it ends
//
// The lists outlive the set until its last task has ended. Threads: its owner's task; the tasks run
// anywhere.
// Checked by: tests/core/runtime/join_set_test.cc, tests/model (join_set_model_test.cc and, with
// planted mistakes, join_set_mutant_test.cc).
#ifndef SLUICE_CORE_RUNTIME_JOIN_SET_H_
#define SLUICE_CORE_RUNTIME_JOIN_SET_H_

#include <coroutine>
#include <cstddef>
#include <optional>
#include <source_location>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/check.h"
#include "core/base/thread_mutex.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_cell.h"
#include "core/runtime/task_label.h"
#include "core/sync/wait_list.h"
#include "core/task/outcome.h"
#include "core/task/shield.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename T = void>
class JoinSet {
 private:
  struct State;
  class Member;
  using Cell = TaskCell<T, Member>;

 public:
  // Inside a task, or with the runtime that is to run the tasks.
  explicit JoinSet(RuntimeHandle runtime = RuntimeHandle::Current())
      : runtime_(runtime), state_(new State) {}
  JoinSet(const JoinSet&) = delete;
  JoinSet& operator=(const JoinSet&) = delete;
  ~JoinSet() {
    Members ended;
    bool is_last = false;
    {
      ThreadMutexLock lock(&state_->mutex);
      std::swap(ended, state_->ended);
      state_->AbortRunning();
      state_->abandoned = true;
      is_last = state_->running.empty();
    }
    while (!ended.empty()) (void)Handle(ended.PopFirst());
    if (is_last) delete state_;  // else the last task does
  }

  AbortHandle Spawn(Task<T> task, const TaskLabel& label = {"", std::source_location::current()}) {
    auto* const cell = new Cell(std::move(task), *state_);
    AbortHandle handle(*cell);
    {
      ThreadMutexLock lock(&state_->mutex);
      state_->running.Push(*cell);
    }
    internal::Launch(runtime_, nullptr, *cell, label);
    return handle;
  }

  class NextAwaiter final : public WaitAwaiter {
   public:
    explicit NextAwaiter(State& state) : state_(state) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] {
        if (state_.Queue(*this)) return true;
        return got_ == nullptr && GoOn();  // a loop over an empty set lets others run
      });
    }
    std::optional<Outcome<T>> await_resume() {
      Resumed();
      if (got_ == nullptr) return std::nullopt;
      return Handle(*got_).TakeOutcome();
    }

   private:
    friend State;
    State& state_;
    Member* got_ = nullptr;
  };

  // The outcome of the next task that ends, or of one that has ended. Nullopt: the set is empty, or
  // the scope was cancelled. One wait at a time. It does not wait for a first task: a loop that
  // goes on when the set is empty asks empty() before, or it runs round and round.
  NextAwaiter Next() { return NextAwaiter(*state_); }

  // The outcome of one that has ended; nullopt: none has, or the set is empty. Does not wait: for a
  // set that grows as long as its owner lives, and whose outcomes are taken now and then.
  std::optional<Outcome<T>> TryNext() {
    Member* got = nullptr;
    {
      ThreadMutexLock lock(&state_->mutex);
      if (state_->ended.empty()) return std::nullopt;
      got = &state_->ended.PopFirst();
    }
    return Handle(*got).TakeOutcome();
  }

  // Asks all to give up; their outcomes still come.
  void AbortAll() {
    ThreadMutexLock lock(&state_->mutex);
    state_->AbortRunning();
  }

  // Aborts all and waits until all have ended, also in a cancelled scope. Their outcomes are lost.
  Task<void> Shutdown() {
    AbortAll();
    while (!empty()) (void)co_await Shield(Next());
  }

  // Tasks that Next has not brought yet.
  size_t size() const {
    ThreadMutexLock lock(&state_->mutex);
    return state_->running.size() + state_->ended.size();
  }
  bool empty() const { return size() == 0; }

 private:
  // Of a cell: a task in the set.
  class Member : public TaskEndObserver {
   protected:
    explicit Member(State& state) : state_(state) {}
    ~Member() = default;
    TaskEndObserver* observer() { return this; }

   private:
    friend JoinSet;
    void TaskEnded() final { state_.Ended(*this); }
    Cell& cell() { return static_cast<Cell&>(*this); }

    State& state_;
    Member* next_ = nullptr;
    Member* previous_ = nullptr;
  };

  // First in, first out, or from anywhere between.
  class Members {
   public:
    bool empty() const { return first_ == nullptr; }
    size_t size() const { return size_; }
    Member* first() const { return first_; }
    void Push(Member& member) {
      member.next_ = nullptr;
      member.previous_ = last_;
      (last_ == nullptr ? first_ : last_->next_) = &member;
      last_ = &member;
      ++size_;
    }
    void Remove(Member& member) {
      (member.previous_ == nullptr ? first_ : member.previous_->next_) = member.next_;
      (member.next_ == nullptr ? last_ : member.next_->previous_) = member.previous_;
      --size_;
    }
    Member& PopFirst() {  // not when empty
      Member& member = *first_;
      Remove(member);
      return member;
    }

   private:
    Member* first_ = nullptr;
    Member* last_ = nullptr;
    size_t size_ = 0;
  };

  // What the set and its tasks share.
  struct State {
    bool Queue(NextAwaiter& waiter) {
      ThreadMutexLock lock(&mutex);
      SLUICE_CHECK_USE(waiting.empty(), "only one task at a time awaits Next of a JoinSet");
      if (!ended.empty()) {
        waiter.got_ = &ended.PopFirst();
        return false;
      }
      if (running.empty()) return false;
      waiting.Push(waiter);
      return true;
    }
    // Unless it is abandoned, the owner may delete all of this as soon as the lock is free.
    void Ended(Member& member) {
      bool is_last = false;
      {
        Woken woken;
        ThreadMutexLock lock(&mutex);
        running.Remove(member);
        if (!abandoned) {
          if (waiting.empty()) return ended.Push(member);
          NextAwaiter& waiter = *waiting.Pop();
          waiter.got_ = &member;
          woken.Add(waiter);
          return;
        }
        is_last = running.empty();
      }
      (void)Handle(member);
      if (is_last) delete this;
    }

    void AbortRunning() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
      for (Member* member = running.first(); member != nullptr; member = member->next_) {
        member->cell().Abort();
      }
    }

    ThreadMutex mutex;
    Members running ABSL_GUARDED_BY(mutex);
    Members ended ABSL_GUARDED_BY(mutex);  // in the order of their ends
    WaitList<NextAwaiter> waiting ABSL_GUARDED_BY(mutex){mutex};
    bool abandoned ABSL_GUARDED_BY(mutex) = false;
  };

  // Takes over the set's reference to a cell.
  static JoinHandle<T> Handle(Member& member) { return JoinHandle<T>(&member.cell()); }

  const RuntimeHandle runtime_;
  State* const state_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_JOIN_SET_H_
