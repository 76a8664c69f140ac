// ToFuture and FromFuture.

#include "core/combine/future.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/core/support/foreign.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

TEST(ToFutureTest, AForeignThreadGetsValuesAndExceptions) {
  TestRuntime(2).Run(RunForeign([](RuntimeHandle runtime) {
    std::vector<std::future<std::unique_ptr<int>>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(ToFuture(runtime, Number(i)));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*futures[i].get(), i);
    EXPECT_NO_THROW(ToFuture(runtime, Nothing()).get());
    EXPECT_THROW((void)ToFuture(runtime, Throws(false)).get(), std::runtime_error);
    EXPECT_THROW((void)ToFuture(runtime, Throws(true)).get(), Cancelled);
  }));
}

Task<void> FromMain() {
  std::vector<std::promise<std::unique_ptr<int>>> promises(8);
  std::thread foreign([&] {
    for (size_t i = 0; i < promises.size(); ++i) promises[i].set_value(std::make_unique<int>(i));
  });
  for (size_t i = promises.size(); i > 0; --i) {
    auto outcome = co_await FromFuture(promises[i - 1].get_future());
    EXPECT_EQ(*outcome.value(), static_cast<int>(i) - 1);
  }
  foreign.join();
  std::promise<void> broken;
  broken.set_exception(std::make_exception_ptr(std::runtime_error("broken")));
  Outcome<void> thrown = co_await FromFuture(broken.get_future());
  EXPECT_THROW((void)thrown.value(), std::runtime_error);
}
TEST(FromFutureTest, ATaskGetsValuesAndExceptions) {
  TestRuntime(1).Run(FromMain());
  TestRuntime(2).Run(FromMain());
}

// Cancelled while it waits, it goes on until the value is there, which is handed on; in a scope
// that is cancelled already it does not begin.
Task<void> CancelMain() {
  std::promise<int> promise;
  std::thread foreign;
  auto outcome =
      co_await Select(FromFuture(promise.get_future()),
                      [](std::promise<int>& promise, std::thread& foreign) -> Task<void> {
                        (void)co_await Sleep(1ms);
                        foreign = std::thread([&promise] { promise.set_value(4); });
                      }(promise, foreign));
  foreign.join();
  // Whether its thread had begun to wait before the cancellation is up to the machine.
  if (!outcome.Get<0>().cancelled()) EXPECT_EQ(outcome.Get<0>().value(), 4);
  auto late = co_await Select(Sleep(0ns), []() -> Task<bool> {
    (void)co_await Sleep(1h);
    std::promise<int> never;
    Outcome<int> outcome = co_await FromFuture(never.get_future());
    co_return outcome.cancelled();
  }());
  EXPECT_TRUE(late.Get<1>());
}
TEST(FromFutureTest, ACancelledScopeDropsOnlyWhatHasNotBegun) { TestRuntime(1).Run(CancelMain()); }

}  // namespace
}  // namespace sluice::core::testing
