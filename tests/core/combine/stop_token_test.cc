// UntilStopped and StopRequested.

#include "core/combine/stop_token.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "core/task/join.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/pause.h"
#include "tests/core/support/run.h"
#include "tests/core/support/seed.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

Task<void> StopAfter(std::stop_source& source, Duration after) {
  (void)co_await Sleep(after);
  source.request_stop();
}
Task<int> Stubborn() {
  (void)co_await Sleep(1h);
  co_return 8;
}
Task<int> Gives(Duration after) {
  if (!co_await Sleep(after)) throw Cancelled();
  co_return 5;
}

Task<void> StopMain() {
  const Instant begin = Now();
  std::stop_source source;
  auto [stopped, stubborn, ended, unit] = co_await Join(
      UntilStopped(source.get_token(), Gives(1h)), UntilStopped(source.get_token(), Stubborn()),
      UntilStopped(source.get_token(), Gives(1ms)), StopAfter(source, 1s));
  (void)unit;
  EXPECT_EQ(stopped, std::nullopt);
  EXPECT_EQ(stubborn, std::optional<int>(8));  // what it had got is handed on
  EXPECT_EQ(ended, std::optional<int>(5));
  EXPECT_LE(Now() - begin, 1010ms);
  // Stopped already.
  EXPECT_EQ(co_await UntilStopped(source.get_token(), Sleep(1h)), std::nullopt);
  EXPECT_TRUE(co_await StopRequested(source.get_token()));
  EXPECT_LE(Now() - begin, 1020ms);
}
TEST(UntilStoppedTest, AStopCancelsAndWaits) { VirtualRuntime().Run(StopMain()); }

Task<int> Throws(bool cancelled) {
  (void)co_await Sleep(1ms);
  if (cancelled) throw Cancelled();
  throw std::runtime_error("broken");
}
Task<void> NeverMain() {
  EXPECT_EQ(co_await UntilStopped(std::stop_token(), Gives(1h)), std::optional<int>(5));
  std::optional<std::stop_source> source(std::in_place);
  const std::stop_token token = source->get_token();
  source.reset();
  EXPECT_EQ(co_await UntilStopped(token, Gives(1h)), std::optional<int>(5));
  EXPECT_THROW((void)co_await UntilStopped(token, Throws(false)), std::runtime_error);
  EXPECT_THROW((void)co_await UntilStopped(token, Throws(true)), Cancelled);
}
TEST(UntilStoppedTest, ATokenWithoutASourceNeverStops) { VirtualRuntime().Run(NeverMain()); }

Task<void> CancelMain() {
  std::stop_source source;
  for (const Duration after : {Duration(0ns), Duration(1s)}) {
    auto outcome = co_await Select(StopRequested(source.get_token()),
                                   UntilStopped(source.get_token(), Gives(1h)), Sleep(after));
    EXPECT_TRUE(outcome.Won<2>());
    EXPECT_FALSE(outcome.Get<0>());
    EXPECT_EQ(outcome.Get<1>(), std::nullopt);
  }
  source.request_stop();  // no callback is left
}
TEST(UntilStoppedTest, ACancelledScopeEndsIt) { VirtualRuntime().Run(CancelMain()); }

// Requests the stop between the look at the token and the wait.
struct StopJustBefore {
  bool await_ready() const { return waiter.await_ready(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    source.request_stop();
    return waiter.await_suspend(handle);
  }
  bool await_resume() { return waiter.await_resume(); }
  std::stop_source source;
  StopRequested waiter{source.get_token()};
};
Task<void> JustBeforeMain() { EXPECT_TRUE(co_await StopJustBefore()); }
TEST(StopRequestedTest, AStopJustBeforeItWaitsIsNotMissed) {
  VirtualRuntime().Run(JustBeforeMain());
}

// request_stop on another thread, against the end of the wait.
Task<void> RaceMain() {
  Random random(Seed());
  int stopped = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    std::stop_source source;
    const uint64_t seed = random();
    std::thread foreign([source, seed]() mutable {
      Random own(seed);
      Pause(own, 20'000);
      source.request_stop();
    });
    // Every other round there is nothing that would end it but the stop.
    auto outcome = co_await Select(Named<"stop">(StopRequested(source.get_token())),
                                   Named<"never">(StopRequested(std::stop_token())),
                                   Named<"other">([](Random& random, int round) -> Task<void> {
                                     Pause(random, 20'000);
                                     if (round % 2 == 0) (void)co_await Sleep(1h);
                                   }(random, round)));
    EXPECT_TRUE(round % 2 == 1 || outcome.Won<"stop">());
    if (outcome.Won<"stop">()) ++stopped;
    EXPECT_FALSE(outcome.Get<"never">());
    foreign.join();
  }
  EXPECT_GE(stopped, kRounds / 2);
}
TEST(UntilStoppedTest, AStopOfAnotherThreadIsNeverMissed) { TestRuntime(2).Run(RaceMain()); }

}  // namespace
}  // namespace sluice::core::testing
