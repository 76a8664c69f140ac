// JoinHandle and TaskGroup, the real code with real coroutines: a waiter is woken once, sees what
// the task wrote, and a task's memory is freed once.
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {
namespace {

struct State : Tasks {
  Cell<int> first{"what the first task wrote"};
  Cell<int> second{"what the second task wrote"};
  std::optional<core::TaskGroup> group;
  core::Runnable* child = nullptr;
  core::Runnable* other = nullptr;
  core::Runnable* parent = nullptr;
  std::optional<core::JoinHandle<int>> handle;
  int joined = 0;
  int freed = 0;
};

struct CountsItsEnd {
  explicit CountsItsEnd(State& state) : state(state) {}
  CountsItsEnd(const CountsItsEnd&) = delete;
  CountsItsEnd& operator=(const CountsItsEnd&) = delete;
  ~CountsItsEnd() { ++state.freed; }
  State& state;
};

core::Task<int> Child(State& state) {
  CountsItsEnd end(state);
  state.first.Set(7);
  co_return 42;
}

core::Task<void> Parent(State& state) {
  SLUICE_CHECK((co_await *std::move(state.handle)).value() == 42);
  SLUICE_CHECK(state.first.Get() == 7);
  state.handle.reset();
  ++state.joined;
}

State& MakeWithChild(Execution& run) {
  auto& s = run.Make<State>();
  core::Joinable<int>& child = s.Make(Child(s));
  s.handle.emplace(&child);
  s.child = &child;
  return s;
}

void JoinedBy(Execution& run, core::Task<void> (*make_parent)(State&)) {
  State& s = MakeWithChild(run);
  core::Joinable<void>& parent = s.Make(make_parent(s));
  parent.Unref();  // no task waits for the parent
  s.parent = &parent;
  run.Thread("child", [&s] {
    Tasks::Run(*s.child);
    s.RunWoken();
  });
  run.Thread("parent", [&s] { Tasks::Run(*s.parent); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.joined == 1 && s.freed == 1);
    SLUICE_CHECK(s.shared.live_tasks() == 0);
  });
}
void Joining(Execution& run) { JoinedBy(run, Parent); }

// The handle goes while the task ends: the last of the two frees it, after what the other one did.
void Detaching(Execution& run) {
  State& s = MakeWithChild(run);
  run.Thread("child", [&s] { Tasks::Run(*s.child); });
  run.Thread("parent", [&s] {
    if (s.handle->finished()) SLUICE_CHECK(s.first.Get() == 7);
    s.handle.reset();
  });
  run.Finally([&s] {
    SLUICE_CHECK(s.freed == 1);
    SLUICE_CHECK(s.shared.live_tasks() == 0);
  });
}

// What is in the frame goes with the last of the two: it has seen what the other one did.
class Watched {
 public:
  explicit Watched(State& state) : state_(&state) {}
  Watched(Watched&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  ~Watched() {
    if (state_ == nullptr) return;
    SLUICE_CHECK(state_->first.Get() == 7 && state_->second.Get() == 8);
    ++state_->freed;
  }

 private:
  State* state_;
};
core::Task<Watched> WatchedChild(State& state) {
  state.first.Set(7);
  co_return Watched(state);
}
void DetachingAValue(Execution& run) {
  auto& s = run.Make<State>();
  core::Joinable<Watched>& child = s.Make(WatchedChild(s));
  s.child = &child;
  run.Thread("child", [&s] { Tasks::Run(*s.child); });
  run.Thread("parent", [&s, &child] {
    s.second.Set(8);
    core::JoinHandle<Watched>(&child).Detach();
  });
  run.Finally([&s] { SLUICE_CHECK(s.freed == 1); });
}

// The wait is cut short while the task ends; the next one brings the result.
core::Task<void> Nothing() { co_return; }
core::Task<void> ImpatientParent(State& state) {
  auto outcome = co_await core::Select(state.handle->Ended(), Nothing());
  if (!outcome.Get<0>()) SLUICE_CHECK(co_await state.handle->Ended());
  SLUICE_CHECK(state.handle->TakeOutcome().value() == 42);
  SLUICE_CHECK(state.first.Get() == 7);
  state.handle.reset();
  ++state.joined;
}

void JoiningTwice(Execution& run) { JoinedBy(run, ImpatientParent); }

// An abort from outside, while the task begins and ends: it ends once, with its value or without
// having begun, and not before the abort has arrived.
void Aborting(Execution& run) {
  State& s = MakeWithChild(run);
  run.Thread("child", [&s] {
    Tasks::Run(*s.child);
    s.RunWoken();
  });
  run.Thread("aborts", [&s] {
    const core::AbortHandle abort = s.handle->abort_handle();
    (void)abort.Abort();
    SLUICE_CHECK(!abort.Abort());
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.handle->finished());
    core::Outcome<int> outcome = s.handle->TakeOutcome();
    SLUICE_CHECK(outcome.cancelled() ? s.freed == 0 : outcome.value() == 42 && s.freed == 1);
    s.handle.reset();
    SLUICE_CHECK(s.shared.live_tasks() == 0);
  });
}

core::Task<void> Member(Cell<int>& cell) {
  cell.Set(1);
  co_return;
}

core::Task<void> Owner(State& state) {
  co_await state.group->Join();
  SLUICE_CHECK(state.first.Get() == 1 && state.second.Get() == 1);
  state.group.reset();
  ++state.joined;
}

void Group(Execution& run) {
  auto& s = run.Make<State>();
  s.group.emplace(core::RuntimeHandle(s.shared));
  s.group->Spawn(Member(s.first));
  s.group->Spawn(Member(s.second));
  s.child = s.shared.PopInjected();
  s.other = s.shared.PopInjected();
  core::Joinable<void>& owner = s.Make(Owner(s));
  owner.Unref();
  s.parent = &owner;
  run.Thread("owner", [&s] { Tasks::Run(*s.parent); });
  run.Thread("first", [&s] { Tasks::Run(*s.child); });
  run.Thread("second", [&s] { Tasks::Run(*s.other); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.joined == 1);
  });
}

// A member spawns another one while the owner waits already: that is waited for, too.
core::Task<void> Spawner(State& state) {
  state.group->Spawn(Member(state.second));
  state.first.Set(1);
  co_return;
}

void GroupGrows(Execution& run) {
  auto& s = run.Make<State>();
  s.group.emplace(core::RuntimeHandle(s.shared));
  s.group->Spawn(Spawner(s));
  s.child = s.shared.PopInjected();
  core::Joinable<void>& owner = s.Make(Owner(s));
  owner.Unref();
  s.parent = &owner;
  run.Thread("owner", [&s] { Tasks::Run(*s.parent); });
  run.Thread("spawner", [&s] { Tasks::Run(*s.child); });
  run.Thread("spawned", [&s] { s.RunWoken(); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.joined == 1);
  });
}

TEST(TaskGroup, SpawnsWhileItIsJoined) { ExpectHolds(GroupGrows); }

TEST(JoinHandle, WaitsForTheResult) { ExpectHolds(Joining); }
TEST(JoinHandle, AWaitThatIsCutShort) { ExpectHolds(JoiningTwice); }
TEST(AbortHandle, WhileTheTaskBeginsAndEnds) { ExpectHolds(Aborting); }
TEST(JoinHandle, Detached) { ExpectHolds(Detaching); }
TEST(JoinHandle, DetachedWithAValue) { ExpectHolds(DetachingAValue); }
TEST(TaskGroup, Join) { ExpectHolds(Group); }

TEST(JoinHandleMutant, FinishWithoutRelease) {
  ExpectCaught(Joining, {"::Finish(", Action::kUpdate, 0, std::memory_order_acquire});
}
TEST(JoinHandleMutant, FinishedReadWithoutAcquire) {
  ExpectCaught(Detaching, {"finished(", Action::kLoad});
}
TEST(JoinHandleMutant, LastReferenceWithoutAcquire) {
  ExpectCaught(DetachingAValue, {"IsLastRef(", Action::kLoad});
}
TEST(JoinHandleMutant, ReferenceDroppedWithoutRelease) {
  ExpectCaught(DetachingAValue, {"Unref(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(JoinHandleMutant, ReferenceDroppedWithoutAcquire) {
  ExpectCaught(DetachingAValue, {"Unref(", Action::kUpdate, -1, std::memory_order_release});
}
TEST(TaskGroupMutant, TaskEndedWithoutRelease) {
  ExpectCaught(Group, {"TaskEnded(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(TaskGroupMutant, JoinWithoutAcquire) {
  ExpectCaught(Group, {"await_suspend(", Action::kUpdate, -1, std::memory_order_release});
}

}  // namespace
}  // namespace sluice::model
