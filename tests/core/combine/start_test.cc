// Start: foreign threads have things awaited.

#include "core/combine/start.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/combine/from_callback.h"
#include "core/combine/future.h"
#include "core/task/outcome.h"
#include "core/time/sleep.h"
#include "tests/core/support/foreign.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

TEST(StartTest, TheCallbackIsToldHowItEnded) {
  TestRuntime(2).Run(RunForeign([](RuntimeHandle runtime) {
    std::promise<Outcome<std::unique_ptr<int>>> value;
    Start(runtime, Number(3), [&](auto outcome) { value.set_value(std::move(outcome)); });
    EXPECT_EQ(*value.get_future().get().value(), 3);
    std::promise<Outcome<int>> thrown, cancelled;
    Start(runtime, Throws(false),
          [&](Outcome<int> outcome) { thrown.set_value(std::move(outcome)); });
    Outcome<int> broken = thrown.get_future().get();
    EXPECT_THROW((void)broken.value(), std::runtime_error);
    Start(runtime, Throws(true),
          [&](Outcome<int> outcome) { cancelled.set_value(std::move(outcome)); });
    EXPECT_TRUE(cancelled.get_future().get().cancelled());
    std::promise<bool> nothing;
    Start(runtime, Nothing(), [&](Outcome<> outcome) { nothing.set_value(outcome.has_value()); });
    EXPECT_TRUE(nothing.get_future().get());
  }));
}

// Inside a task, and there and back again: a callback of ours completes what a task awaits.
Task<void> InsideMain() {
  const RuntimeHandle runtime = RuntimeHandle::Current();
  IoResult<int> answer = co_await FromCallback<int>([&](Completer<int> done) {
    Start(runtime, Number(6),
          [done = std::move(done)](auto outcome) mutable { done.Complete(*outcome.value()); });
  });
  EXPECT_EQ(*answer, 6);
}
TEST(StartTest, InsideATask) {
  TestRuntime(1).Run(InsideMain());
  TestRuntime(2).Run(InsideMain());
}

// The task never begins: its runtime shuts down before.
TEST(StartTest, AShutdownThatComesFirstIsTold) {
  int told = 0;
  std::future<std::unique_ptr<int>> future;
  {
    TestRuntime runtime(1);
    Start(runtime.handle(), Number(1),
          [&](auto outcome) { told += outcome.cancelled() ? 1 : 100; });
    future = ToFuture(runtime.handle(), Number(2));
  }
  EXPECT_EQ(told, 1);
  EXPECT_THROW((void)future.get(), Cancelled);
}

}  // namespace
}  // namespace sluice::core::testing
