// How a task ends: with a value, an exception or cancelled; and what becomes of an exception on its
// way.
#include "core/task/outcome.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core {
namespace {

using testing::TestRuntime;
using testing::Yield;

void RunInRuntime(Task<void> main) { TestRuntime(1).Run(std::move(main)); }

std::string WhatOf(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return exception.what();
  }
  return "";
}

// Throws after so many turns.
Task<int> Throws(std::string what, int turns = 0) {
  for (; turns > 0; --turns) co_await Yield();
  throw std::runtime_error(what);
}
Task<void> ThrowsVoid(std::string what) {
  co_await Yield();
  throw std::runtime_error(what);
}
Task<int> Number(int number, int turns = 0) {
  for (; turns > 0; --turns) co_await Yield();
  co_return number;
}
Task<int> GivesUp() {
  co_await Yield();
  throw Cancelled();
}
Task<int> Through(std::string what) {
  int before = 1;
  before += co_await Throws(what, 1);
  co_return before;
}

// Counts what lives.
struct Alive {
  explicit Alive(int& count) : count(++count) {}
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --count; }
  int& count;
};
Task<void> ThrowsBeside(int& alive) {
  Alive here(alive);
  co_await ThrowsVoid("unwound");
}

TEST(OutcomeTest, HasAValueAnExceptionOrIsCancelled) {
  Outcome<int> value(3);
  EXPECT_TRUE(value.has_value());
  EXPECT_FALSE(value.cancelled());
  EXPECT_EQ(value.exception(), nullptr);
  EXPECT_EQ(value.value(), 3);
  auto cancelled = Outcome<int>::OfCancellation();
  EXPECT_FALSE(cancelled.has_value());
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_THROW(cancelled.value(), Cancelled);
  auto failed = Outcome<int>::OfException(std::make_exception_ptr(std::out_of_range("far")));
  EXPECT_FALSE(failed.has_value());
  EXPECT_FALSE(failed.cancelled());
  EXPECT_EQ(WhatOf(failed.exception()), "far");
  EXPECT_THROW(failed.value(), std::out_of_range);
}

TEST(OutcomeTest, HandsOnWhatCanOnlyBeMoved) {
  Outcome<std::unique_ptr<int>> outcome(std::make_unique<int>(4));
  EXPECT_EQ(*std::move(outcome).value(), 4);
}

Task<void> SpawnedMain() {
  EXPECT_EQ((co_await Spawn(Number(5, 1))).value(), 5);
  for (int turns : {0, 1}) {
    Outcome<int> outcome = co_await Spawn(Throws("spawned", turns));
    EXPECT_EQ(WhatOf(outcome.exception()), "spawned");
  }
  EXPECT_EQ(WhatOf((co_await Spawn(ThrowsVoid("void"))).exception()), "void");
  EXPECT_TRUE((co_await Spawn(GivesUp())).cancelled());
}
TEST(OutcomeTest, OfASpawnedTask) { RunInRuntime(SpawnedMain()); }

Task<void> ThroughMain() {
  std::string caught;
  try {
    co_await Through("deep");
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "deep");
  EXPECT_EQ(WhatOf((co_await Spawn(Through("deeper"))).exception()), "deeper");
}
TEST(ExceptionTest, GoesThroughTheCoroutinesThatAwait) { RunInRuntime(ThroughMain()); }

Task<void> UnwindMain() {
  int alive = 0;
  try {
    co_await ThrowsBeside(alive);
    ADD_FAILURE();
  } catch (const std::runtime_error&) {
    EXPECT_EQ(alive, 0);
  }
}
TEST(ExceptionTest, EndsWhatItPasses) { RunInRuntime(UnwindMain()); }

Task<void> JoinMain() {
  int finished = 0;
  auto slow = [](int& count) -> Task<void> {
    for (int i = 0; i < 5; ++i) co_await Yield();
    ++count;
  };
  std::string caught;
  try {
    co_await Join(ThrowsVoid("branch"), slow(finished));
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "branch");
  EXPECT_EQ(finished, 1);  // the other branch has ended as if nothing had happened
}
TEST(ExceptionTest, OfABranchOfAJoinComesWhenAllHaveEnded) { RunInRuntime(JoinMain()); }

// An awaitable that is no task.
struct ThrowingAwaitable {
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  int await_resume() const { throw std::runtime_error("resume"); }
};
Task<void> SelectMain() {
  std::string caught;
  try {
    co_await Select(Number(1, 3), Throws("winner", 1));
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "winner");
  caught.clear();
  try {
    co_await Select(Named<"number">(Number(1, 3)), Named<"thrower">(ThrowingAwaitable()));
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "resume");
}
TEST(ExceptionTest, OfABranchOfASelectComesWhenAllHaveEnded) { RunInRuntime(SelectMain()); }

// What nothing has asked for is told, once, and only that.
class LostExceptionTest : public ::testing::Test {
 protected:
  void Run(Task<void> main) {
    TestRuntime runtime(1, TestRuntime::Small(), [this](std::exception_ptr thrown) {
      lost_.push_back(WhatOf(std::move(thrown)));
    });
    runtime.Run(std::move(main));
  }
  std::vector<std::string> lost_;
};

Task<void> DetachedMain() {
  Spawn(ThrowsVoid("detached")).Detach();
  JoinHandle<void> dropped = Spawn(ThrowsVoid("dropped"));
  while (!dropped.finished()) co_await Yield();
  {
    JoinHandle<void> goes = std::move(dropped);
  }
  (void)co_await Spawn(ThrowsVoid("asked for"));
  (void)co_await Spawn(GivesUp());
}
TEST_F(LostExceptionTest, OfADetachedTaskIsTold) {
  Run(DetachedMain());
  EXPECT_EQ(lost_, (std::vector<std::string>{"detached", "dropped"}));
}

}  // namespace
}  // namespace sluice::core
