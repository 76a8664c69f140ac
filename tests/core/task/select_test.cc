// Join and Select over awaitables of any type: ours, which are no coroutines, and foreign ones; the
// names of branches; and that a branch costs no allocation.
#include "core/task/select.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/join.h"
#include "core/time/sleep.h"
#include "tests/core/support/counted_new.h"
#include "tests/core/support/run.h"
#include "tests/core/support/slots.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

// --- Foreign awaitables: they know nothing of tasks and scopes. ---

// A door of one thread: a coroutine that awaits it goes on when Open is called.
class Door {
 public:
  void Open() {
    open_ = true;
    for (std::coroutine_handle<> waiting : std::exchange(waiting_, {})) waiting.resume();
  }
  bool open() const { return open_; }
  void Add(std::coroutine_handle<> waiting) { waiting_.push_back(waiting); }
  size_t waiting() const { return waiting_.size(); }

 private:
  bool open_ = false;
  std::vector<std::coroutine_handle<>> waiting_;
};

// An awaiter by itself; await_suspend returns nothing. It brings nothing.
struct OpenedPlain {
  Door& door;
  bool await_ready() const { return door.open(); }
  void await_suspend(std::coroutine_handle<> handle) { door.Add(handle); }
  void await_resume() {}
};
static_assert(std::is_same_v<AwaitValue<OpenedPlain>, Unit>);

// Has a member operator whose awaiter can be neither copied nor moved; await_suspend may say that
// there is nothing to wait for. It brings what can only be moved.
struct OpenedMember {
  struct Awaiter {
    explicit Awaiter(Door& door) : door(door) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
      if (door.open()) return false;
      door.Add(handle);
      return true;
    }
    std::unique_ptr<int> await_resume() { return std::make_unique<int>(5); }
    Door& door;
  };
  Awaiter operator co_await() const { return Awaiter(door); }
  Door& door;
};
static_assert(std::is_same_v<AwaitValue<OpenedMember>, std::unique_ptr<int>>);

// Has a free operator; await_suspend says which coroutine goes on. It brings a reference.
struct OpenedFree {
  Door& door;
};
struct OpenedFreeAwaiter {
  Door& door;
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) {
    if (door.open()) return handle;
    door.Add(handle);
    return std::noop_coroutine();
  }
  Door& await_resume() { return door; }
};
OpenedFreeAwaiter operator co_await(OpenedFree opened) { return {opened.door}; }
static_assert(std::is_same_v<AwaitValue<OpenedFree>, std::reference_wrapper<Door>>);

static_assert(Awaitable<Task<int>> && Awaitable<SleepAwaiter> && Awaitable<JoinHandle<int>>);
static_assert(!Awaitable<int> && !Awaitable<Door>);

Task<int> OpenAfter(Door& door, int yields) {
  for (; yields > 0; --yields) co_await Yield();
  door.Open();
  co_return 7;
}

Task<void> ForeignMain(int yields) {
  Door door;
  auto [unit, five, same, seven] = co_await Join(OpenedPlain{door}, OpenedMember{door},
                                                 OpenedFree{door}, OpenAfter(door, yields));
  (void)unit;
  EXPECT_EQ(*five, 5);
  EXPECT_EQ(&same.get(), &door);
  EXPECT_EQ(seven, 7);
  EXPECT_EQ(door.waiting(), 0u);
  // All are ready by now, and an lvalue stays where it is.
  OpenedPlain again{door};
  auto outcome = co_await Select(Named<"again">(again), Named<"five">(OpenedMember{door}));
  EXPECT_TRUE(outcome.Won<"again">());
  EXPECT_FALSE(outcome.Won<"five">());
  EXPECT_EQ(*outcome.Get<"five">(), 5);
}
TEST(JoinAnyTest, ForeignAwaitablesThatWait) { TestRuntime(1).Run(ForeignMain(2)); }
TEST(JoinAnyTest, ForeignAwaitablesThatAreReadySoon) { TestRuntime(1).Run(ForeignMain(0)); }

// --- Ours. ---

Task<void> SleepMain(const Clock& clock) {
  const Instant begin = clock.Now();
  auto [slept, longer] = co_await Join(Sleep(1s), Sleep(2s));
  EXPECT_TRUE(slept && longer);
  EXPECT_GE(clock.Now() - begin, 2s);
  auto outcome = co_await Select(Named<"hour">(Sleep(1h)), Named<"second">(Sleep(1s)));
  EXPECT_TRUE(outcome.Won<"second">());
  EXPECT_TRUE(outcome.Get<"second">());  // it is told before its own scope is cancelled
  EXPECT_FALSE(outcome.Get<"hour">());
  EXPECT_LT(clock.Now() - begin, 1h);
}
TEST(SelectAnyTest, Sleeps) {
  VirtualRuntime runtime;
  runtime.Run(SleepMain(runtime.clock));
}

Task<int> Yields(int times) {
  for (int left = times; left > 0; --left) co_await Yield();
  co_return times;
}

Task<void> HandleMain() {
  CancellationSource source;
  JoinHandle<int> handle = Spawn(Yields(3));
  Slots slots(0);
  auto outcome = co_await Select(Named<"joined">(std::move(handle)), Named<"slot">(slots.Take()),
                                 Named<"stopped">(source.token().Cancelled()));
  EXPECT_TRUE(outcome.Won<"joined">());
  EXPECT_EQ(outcome.Get<"joined">().value(), 3);
  EXPECT_FALSE(outcome.Get<"slot">());
  EXPECT_FALSE(outcome.Get<"stopped">());
  EXPECT_EQ(slots.waiting(), 0u);  // each loser has finished
  auto again = co_await Select(Named<"stopped">(source.token().Cancelled()), Yields(0));
  EXPECT_TRUE(again.Won<1>());
  source.Cancel();
  again = co_await Select(Named<"stopped">(source.token().Cancelled()), Yields(0));
  EXPECT_TRUE(again.Won<"stopped">());
  EXPECT_TRUE(again.Get<"stopped">());
}
TEST(SelectAnyTest, HandlesSlotsAndTokens) { TestRuntime(1).Run(HandleMain()); }

// Cancelling reaches what is no coroutine, through all levels, and in a scope that is cancelled
// already.
Task<void> NestedMain() {
  Slots slots(0);
  auto inner = [](Slots& from) -> Task<int> {
    auto [one, two] = co_await Join(from.Take(), from.Take());
    co_return (one ? 1 : 0) + (two ? 1 : 0);
  };
  auto outcome = co_await Select(inner(slots), Yields(1));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), 0);
  auto late = co_await Select(Yields(0), inner(slots));
  EXPECT_EQ(late.Get<1>(), 0);
  EXPECT_EQ(slots.waiting(), 0u);
}
TEST(SelectAnyTest, CancellingReachesEveryLeaf) { TestRuntime(1).Run(NestedMain()); }

// --- Names. ---

template <typename R>
concept KnowsTypo = requires(R result) { result.template Won<"typo">(); };
template <typename R>
concept KnowsName = requires(R result) {
  result.template Won<"name">();
  result.template Get<"name">();
};
template <typename R, size_t kIndex>
concept HasBranch = requires(R result) { result.template Won<kIndex>(); };

using OneName = SelectResult<int, NamedValue<"name", bool>>;
static_assert(KnowsName<OneName> && !KnowsTypo<OneName>);
static_assert(HasBranch<OneName, 1> && !HasBranch<OneName, 2>);
using TwoAlike = SelectResult<NamedValue<"name", int>, NamedValue<"name", bool>>;
static_assert(!KnowsName<TwoAlike>);

TEST(SelectResultTest, NamesAndIndicesAgree) {
  SelectResult<NamedValue<"text", std::string>, NamedValue<"number", int>> result(1, {"a", 2});
  EXPECT_TRUE(result.Won<"number">() && result.Won<1>());
  EXPECT_FALSE(result.Won<"text">() || result.Won<0>());
  EXPECT_EQ(result.Get<"text">(), "a");
  EXPECT_EQ(result.Get<1>(), 2);
  result.Get<"number">() = 3;
  EXPECT_EQ(std::as_const(result).Get<"number">(), 3);
}

// --- What a branch is made of. ---

struct FrameOfRealCoroutine {
  struct promise_type : AwaitedPromise {
    FrameOfRealCoroutine get_return_object() { return {this}; }
    void return_void() {}
  };
  promise_type* promise;
};
FrameOfRealCoroutine RealCoroutine() { co_return; }

class ProbeFrame : public internal::BranchFrame {
 public:
  ProbeFrame()
      : BranchFrame([](BranchFrame* frame) { static_cast<ProbeFrame*>(frame)->Resume(); }) {}
  const PromiseBase* promise() const { return &promise_; }
  int resumed = 0;

 private:
  void Resume() {
    ++resumed;
    resume_ = nullptr;
  }
};

TEST(BranchFrameTest, LooksLikeACoroutine) {
  using Real = FrameOfRealCoroutine::promise_type;
  Real* const real = RealCoroutine().promise;
  const auto handle = std::coroutine_handle<Real>::from_promise(*real);
  ProbeFrame probe;
  const auto distance = [](const void* from, const void* to) {
    return static_cast<const char*>(to) - static_cast<const char*>(from);
  };
  EXPECT_EQ(distance(handle.address(), real), distance(probe.handle().address(), probe.promise()));
  EXPECT_EQ(probe.handle().address(), &probe);
  EXPECT_EQ(&probe.handle().promise(), probe.promise());
  EXPECT_FALSE(probe.handle().done());
  std::coroutine_handle<>(probe.handle()).resume();
  EXPECT_EQ(probe.resumed, 1);
  EXPECT_TRUE(probe.handle().done());
  handle.destroy();
}

// --- Which branch of a Select is started first. ---

// Writes down what is done with it. It waits until it is cancelled, or not at all.
template <bool kTells>
class NotedBranch final : public Waiter {
 public:
  NotedBranch(char name, bool ready, std::string& notes)
      : name_(name), ready_(ready), notes_(notes) {}
  bool await_ready() const { return false; }
  bool WouldWait() const
    requires kTells
  {
    return !ready_;
  }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    const bool waits = !ready_ && !promise.scope->cancelled();
    notes_ += waits ? name_ : static_cast<char>(std::toupper(name_));
    if (!waits) return false;
    waiter_ = handle;
    task_ = promise.task;
    scope_ = promise.scope;
    scope_->Enter(*this);
    return true;
  }
  void await_resume() {
    if (scope_ != nullptr) scope_->Leave(*this);
  }
  void Cancel() override { task_->Post(*this); }
  void OnReady() override { waiter_.resume(); }

 private:
  const char name_;
  const bool ready_;
  std::string& notes_;
  Runnable* task_ = nullptr;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};
using Noted = NotedBranch<false>;
using Telling = NotedBranch<true>;  // before whether it will wait

// In the notes a small letter is a wait that has begun, a capital one that did not.
Task<void> FirstMain() {
  std::string notes;
  const auto taken = [&notes] { return std::exchange(notes, ""); };
  {
    auto outcome = co_await Select(Telling('a', false, notes), Telling('b', false, notes),
                                   Telling('c', true, notes));
    EXPECT_TRUE(outcome.Won<2>());
    EXPECT_EQ(taken(), "CAB");
  }
  // One that does not tell, or is no awaiter of such, is started in its turn.
  {
    auto outcome = co_await Select(Telling('a', false, notes), Noted('b', false, notes),
                                   Telling('c', true, notes));
    EXPECT_TRUE(outcome.Won<2>());
    EXPECT_EQ(taken(), "abC");
  }
  {
    auto outcome = co_await Select(Yields(0), Telling('c', true, notes));
    EXPECT_TRUE(outcome.Won<0>());
    EXPECT_EQ(taken(), "C");
  }
  // Of two that are ready the first wins.
  {
    auto outcome = co_await Select(Telling('a', true, notes), Telling('b', true, notes));
    EXPECT_TRUE(outcome.Won<0>());
    EXPECT_EQ(taken(), "AB");
  }
  // A Join wants all of them.
  {
    auto join = [](std::string& text) -> Task<void> {
      co_await Join(Telling('a', false, text), Telling('b', true, text));
    };
    auto outcome = co_await Select(join(notes), Telling('c', true, notes));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(taken(), "aBC");
  }
}
TEST(SelectAnyTest, WhatIsReadyIsStartedBeforeWhatWouldOnlyWait) {
  TestRuntime(1).Run(FirstMain());
}

Task<void> AllocationMain() {
  Slots slots(1);
  const int64_t before = allocations.made;
  auto [one, slept] = co_await Join(slots.Take(), Sleep(1s));
  EXPECT_TRUE(one && slept);
  auto outcome = co_await Select(Named<"slot">(slots.Take()), Named<"slept">(Sleep(1s)));
  EXPECT_TRUE(outcome.Won<"slept">());
  EXPECT_EQ(allocations.made, before);
}
TEST(BranchFrameTest, CostsNoAllocation) { VirtualRuntime().Run(AllocationMain()); }

}  // namespace
}  // namespace sluice::core::testing
