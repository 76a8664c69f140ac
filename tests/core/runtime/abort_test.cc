// Abort, from inside and outside: before a task begins, while it waits, while it ends and after;
// and waits for a task that are cut short.

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/join_handle.h"
#include "core/runtime/spawn.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "tests/core/support/run.h"
#include "tests/core/support/slots.h"
#include "tests/core/support/yield.h"

namespace sluice::core {
namespace {

using testing::Slots;
using testing::TestRuntime;
using testing::Yield;

void RunIt(Task<void> main) { TestRuntime(1).Run(std::move(main)); }

// What it got: a slot or none.
Task<bool> TakesSlot(Slots& slots) { co_return co_await slots.Take(); }

struct Argument {
  explicit Argument(int& gone) : gone(&gone) {}
  Argument(Argument&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
  ~Argument() {
    if (gone != nullptr) ++*gone;
  }
  int* gone;
};
Task<int> Begins(int& begun, [[maybe_unused]] Argument argument) {
  ++begun;
  co_return 1;
}

Task<void> WhileItWaitsMain() {
  Slots slots(0);
  JoinHandle<bool> handle = Spawn(TakesSlot(slots));
  while (slots.waiting() == 0) co_await Yield();
  EXPECT_TRUE(handle.Abort());
  EXPECT_FALSE(handle.Abort());  // that has been asked for already
  Outcome<bool> outcome = co_await std::move(handle);
  EXPECT_FALSE(outcome.value());
  EXPECT_EQ(slots.waiting(), 0u);
}
TEST(AbortTest, EndsWhatTheTaskWaitsFor) { RunIt(WhileItWaitsMain()); }

Task<void> BeforeItBeginsMain() {
  int begun = 0;
  int gone = 0;
  {
    JoinHandle<int> handle = Spawn(Begins(begun, Argument(gone)));
    EXPECT_TRUE(handle.Abort());
    EXPECT_TRUE((co_await std::move(handle)).cancelled());
  }
  EXPECT_EQ(begun, 0);
  EXPECT_EQ(gone, 1);
}
TEST(AbortTest, ATaskThatHasNotBegunDoesNotBegin) { RunIt(BeforeItBeginsMain()); }

Task<void> AfterItsEndMain() {
  int begun = 0;
  int gone = 0;
  std::optional<AbortHandle> abort;
  {
    JoinHandle<int> handle = Spawn(Begins(begun, Argument(gone)));
    abort = handle.abort_handle();
    EXPECT_FALSE(abort->finished());
    EXPECT_EQ((co_await std::move(handle)).value(), 1);
  }
  EXPECT_TRUE(abort->finished());
  EXPECT_FALSE(abort->Abort());
  AbortHandle copy = *abort;
  abort.reset();
  EXPECT_FALSE(copy.Abort());
}
TEST(AbortTest, OfATaskThatHasEndedDoesNothing) { RunIt(AfterItsEndMain()); }

// What it had got when it was asked to give up is not lost.
Task<bool> TakesTwice(Slots& slots) {
  const bool first = co_await slots.Take();
  const bool second = co_await slots.Take();
  EXPECT_FALSE(second);
  co_return first;
}
Task<void> KeepsItsValueMain() {
  Slots slots(1);
  JoinHandle<bool> handle = Spawn(TakesTwice(slots));
  while (slots.waiting() == 0) co_await Yield();
  handle.Abort();
  EXPECT_TRUE((co_await std::move(handle)).value());
}
TEST(AbortTest, ATaskThatBringsAValueAllTheSameHasOne) { RunIt(KeepsItsValueMain()); }

// Threads abort tasks that are being begun, wait, and end: each ends once.
Task<int> Short(Slots& slots, int turns) {
  for (int i = 0; i < turns; ++i) co_await Yield();
  co_return co_await slots.Take() ? 1 : 0;
}
Task<void> RacesMain(RuntimeHandle runtime) {
  constexpr int kTasks = 3000;
  Slots slots(kTasks / 2);
  std::vector<JoinHandle<int>> handles;
  std::vector<AbortHandle> aborts;
  for (int i = 0; i < kTasks; ++i) {
    handles.push_back(SpawnOn(runtime, nullptr, Short(slots, i % 4)));
    aborts.push_back(handles.back().abort_handle());
  }
  std::vector<std::thread> threads;
  std::atomic<int> accepted{0};
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (const AbortHandle& abort : aborts) accepted += abort.Abort() ? 1 : 0;
    });
  }
  int got = 0;
  int none = 0;
  int cancelled = 0;
  for (JoinHandle<int>& handle : handles) {
    Outcome<int> outcome = co_await std::move(handle);
    if (outcome.cancelled()) {
      ++cancelled;
    } else {
      ++(outcome.value() == 1 ? got : none);
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got + none + cancelled, kTasks);
  EXPECT_GE(accepted.load(), none + cancelled);
  EXPECT_EQ(slots.waiting(), 0u);
}
TEST(AbortTest, RacesWithTheTask) {
  TestRuntime runtime(2);
  runtime.Run(RacesMain(runtime.handle()));
}

// A wait that is cut short leaves the handle as it was.
Task<void> CutShortMain() {
  Slots slots(0);
  JoinHandle<bool> handle = Spawn(TakesSlot(slots));
  for (int i = 0; i < 3; ++i) {
    auto first = co_await Select(Named<"ended">(handle.Ended()), Named<"stop">(Yield()));
    EXPECT_TRUE(first.Won<"stop">());
    EXPECT_FALSE(first.Get<"ended">());
    EXPECT_FALSE(handle.finished());
  }
  slots.Give();
  EXPECT_TRUE(co_await handle.Ended());
  EXPECT_TRUE(co_await handle.Ended());
  EXPECT_TRUE(handle.TakeOutcome().value());
}
TEST(JoinHandleTest, AWaitThatIsCutShortLeavesTheTask) { RunIt(CutShortMain()); }

Task<void> RacingWaitsMain(RuntimeHandle runtime) {
  for (int i = 0; i < 2000; ++i) {
    Slots slots(i % 2);
    JoinHandle<bool> handle = SpawnOn(runtime, &runtime.worker(1), TakesSlot(slots));
    auto first = co_await Select(Named<"ended">(handle.Ended()), Named<"stop">(Yield()));
    if (i % 2 == 0) slots.Give();
    if (!first.Get<"ended">()) {
      EXPECT_TRUE(co_await handle.Ended());
    }
    EXPECT_TRUE(handle.TakeOutcome().value());
  }
}
TEST(JoinHandleTest, AWaitThatIsCutShortWhileTheTaskEnds) {
  TestRuntime runtime(2);
  runtime.Run(RacingWaitsMain(runtime.handle()));
}

Task<void> Nothing() { co_return; }
TEST(SpawnDeathTest, OutsideOfARuntime) {
  EXPECT_DEATH(Spawn(Nothing()).Detach(), "this thread runs no task; keep a Runtime::Handle");
}

}  // namespace
}  // namespace sluice::core
