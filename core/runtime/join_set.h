// JoinSet<T>: tasks whose outcomes are wanted in the order in which they end.
//
//     JoinSet<Page> fetches;
//     for (const Url& url : urls) fetches.Spawn(Fetch(url));
//     while (std::optional<Outcome<Page>> page = co_await fetches.Next()) Use(*page);
//
// A set that goes aborts the tasks that are left and lets go of them; Shutdown waits for them, too.
// Each Spawn allocates one small node beside the task.
//
// Threads: its owner's task; the tasks run anywhere.
// Checked by: tests/core/runtime/join_set_test.cc.
#ifndef SLUICE_CORE_RUNTIME_JOIN_SET_H_
#define SLUICE_CORE_RUNTIME_JOIN_SET_H_

#include <coroutine>
#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
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
  using Members = std::list<Member>;

 public:
  // Inside a task, or with the runtime that is to run the tasks.
  explicit JoinSet(RuntimeHandle runtime = RuntimeHandle::Current())
      : runtime_(runtime), state_(std::make_shared<State>()) {}
  JoinSet(const JoinSet&) = delete;
  JoinSet& operator=(const JoinSet&) = delete;
  ~JoinSet() {
    Members ended;
    absl::MutexLock lock(&state_->mutex);
    state_->abandoned = true;
    for (const Member& member : state_->running) member.handle->Abort();
    ended.swap(state_->ended);
  }

  AbortHandle Spawn(Task<T> task) {
    absl::MutexLock lock(&state_->mutex);  // the task may end before it has its handle
    Member& member = state_->running.emplace_back(state_);
    member.place = std::prev(state_->running.end());
    member.handle.emplace(SpawnOn(runtime_, nullptr, std::move(task), &member));
    return member.handle->abort_handle();
  }

  class NextAwaiter final : public WaitAwaiter {
   public:
    explicit NextAwaiter(State& state) : state_(state) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] { return state_.Queue(*this); });
    }
    std::optional<Outcome<T>> await_resume() {
      Resumed();
      if (got_.empty()) return std::nullopt;
      return got_.front().handle->TakeOutcome();
    }

   private:
    friend State;
    State& state_;
    Members got_;  // one at most
  };

  // The outcome of the next task that ends, or of one that has ended. Nullopt: the set is empty, or
  // the scope was cancelled. One wait at a time.
  NextAwaiter Next() { return NextAwaiter(*state_); }

  // Asks all to give up; their outcomes still come.
  void AbortAll() {
    absl::MutexLock lock(&state_->mutex);
    for (const Member& member : state_->running) member.handle->Abort();
  }

  // Aborts all and waits until all have ended, also in a cancelled scope. Their outcomes are lost.
  Task<void> Shutdown() {
    AbortAll();
    while (!empty()) (void)co_await Shield(Next());
  }

  // Tasks that Next has not brought yet.
  size_t size() const {
    absl::MutexLock lock(&state_->mutex);
    return state_->running.size() + state_->ended.size();
  }
  bool empty() const { return size() == 0; }

 private:
  class Member final : public TaskEndObserver {
   public:
    explicit Member(std::shared_ptr<State> state) : state_(std::move(state)) {}
    void TaskEnded() override {
      const std::shared_ptr<State> state = state_;  // this goes with it
      state->Ended(*this);
    }

    std::optional<JoinHandle<T>> handle;
    typename Members::iterator place;

   private:
    std::shared_ptr<State> state_;
  };

  // What the set and its tasks share: the tasks may outlive the set.
  struct State {
    bool Queue(NextAwaiter& waiter) {
      absl::MutexLock lock(&mutex);
      SLUICE_CHECK_USE(waiting.empty(), "only one task at a time awaits Next of a JoinSet");
      if (!ended.empty()) {
        waiter.got_.splice(waiter.got_.end(), ended, ended.begin());
        return false;
      }
      if (running.empty()) return false;
      waiting.Push(waiter);
      return true;
    }
    void Ended(Member& member) {
      Members gone;  // goes without the lock
      Woken woken;
      absl::MutexLock lock(&mutex);
      if (abandoned) {
        gone.splice(gone.end(), running, member.place);
      } else if (waiting.empty()) {
        ended.splice(ended.end(), running, member.place);
      } else {
        NextAwaiter& waiter = *waiting.Pop();
        waiter.got_.splice(waiter.got_.end(), running, member.place);
        woken.Add(waiter);
      }
    }

    absl::Mutex mutex;
    Members running ABSL_GUARDED_BY(mutex);
    Members ended ABSL_GUARDED_BY(mutex);  // in the order of their ends
    WaitList<NextAwaiter> waiting ABSL_GUARDED_BY(mutex){mutex};
    bool abandoned ABSL_GUARDED_BY(mutex) = false;
  };

  const RuntimeHandle runtime_;
  const std::shared_ptr<State> state_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_JOIN_SET_H_
