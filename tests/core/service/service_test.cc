// Services and layers, one by one: what each promises, its errors, and what it gives back when it
// is cut short.
#include "core/service/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/combine/join_all.h"
#include "core/combine/retry.h"
#include "core/service/auth_layer.h"
#include "core/service/concurrency_limit_layer.h"
#include "core/service/load_shed_layer.h"
#include "core/service/log_layer.h"
#include "core/service/rate_limit_layer.h"
#include "core/service/retry_layer.h"
#include "core/service/timeout_layer.h"
#include "core/task/outcome.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core::testing {
namespace {

class ServiceTest : public OneWorkerTest {};

// Answers a request of so many seconds after that time; fails the first `failures` times.
struct Server {
  Task<IoResult<int>> operator()(int seconds) {
    most = std::max(most, ++running);
    ++calls;
    const bool slept = seconds == 0 || co_await Sleep(seconds * 1s);
    --running;
    if (!slept) co_return IoError(ECANCELED);
    if (failures-- > 0) co_return IoError(error);
    co_return seconds;
  }
  auto service() { return ServiceOf(std::ref(*this)); }

  int failures = 0;
  int error = ECONNREFUSED;
  int running = 0;
  int most = 0;
  int calls = 0;
};

// Asks for each of these at once; -errno for an error.
template <typename S>
Task<std::vector<int>> AskAll(S& service, std::vector<int> requests) {
  std::vector<Task<IoResult<int>>> tasks;
  for (const int request : requests) tasks.push_back(Ask(service, request));
  std::vector<int> all;
  for (IoResult<int>& answer : co_await JoinAll(std::move(tasks))) {
    all.push_back(answer.ok() ? *answer : -answer.error());
  }
  co_return all;
}
using Ints = std::vector<int>;

Task<void> FunctionMain() {
  Server server;
  auto service = Layers().Around(server.service());
  static_assert(Service<decltype(service), int>);
  static_assert(!Service<decltype(service), std::string>);
  EXPECT_EQ(*co_await Ask(service, 3), 3);
  auto ready = co_await service.Ready();
  EXPECT_TRUE(ready.ok());
  EXPECT_EQ(*co_await service.Call(std::move(*ready), 1), 1);
  EXPECT_EQ(server.calls, 2);
}
TEST_F(ServiceTest, OfAFunction) { Run(FunctionMain()); }

Task<void> TimeoutMain() {
  Server server;
  auto service = Layers().With(TimeoutLayer(10s)).Around(server.service());
  const Instant begin = Now();
  EXPECT_EQ(co_await AskAll(service, {3, 11, 9}), (Ints{3, -ETIMEDOUT, 9}));
  EXPECT_EQ(Now() - begin, 10s);
  EXPECT_EQ(server.running, 0);
  auto ready = co_await service.Ready();  // the time runs from here
  (void)co_await Sleep(4s);
  EXPECT_EQ((co_await service.Call(std::move(*ready), 7)).error(), ETIMEDOUT);
  auto late = co_await service.Ready();
  (void)co_await Sleep(10s);
  const int calls = server.calls;
  EXPECT_EQ((co_await service.Call(std::move(*late), 0)).error(), ETIMEDOUT);
  EXPECT_EQ(server.calls, calls);
  Probe cut([&] { return Ask(service, 5); });  // the caller's own end is no time-out
  EXPECT_TRUE(co_await cut.Pending());
  EXPECT_EQ((co_await cut.Cancel()).error(), ECANCELED);
}
TEST_F(ServiceTest, Timeout) { Run(TimeoutMain()); }

Task<IoResult<int>> AnswerOrThrow(int seconds) {
  if (!co_await Sleep(seconds * 1s)) throw Cancelled();
  co_return seconds;
}
Task<void> ThrowingMain() {
  auto service = Layers().With(TimeoutLayer(10s)).Around(ServiceOf([](int seconds) {
    return AnswerOrThrow(seconds);
  }));
  EXPECT_EQ(co_await AskAll(service, {3, 11, 9}), (Ints{3, -ETIMEDOUT, 9}));
  Probe cut([&] { return Ask(service, 5); });
  EXPECT_TRUE(co_await cut.Pending());
  EXPECT_EQ((co_await cut.Cancel()).error(), ECANCELED);
}
TEST_F(ServiceTest, TimeoutOfWhatGivesUpByAnException) { Run(ThrowingMain()); }

Task<void> ConcurrencyMain() {
  Server server;
  auto service = Layers().With(ConcurrencyLimitLayer(2)).Around(server.service());
  const Instant begin = Now();
  EXPECT_EQ(co_await AskAll(service, {1, 1, 1, 1, 1}), (Ints{1, 1, 1, 1, 1}));
  EXPECT_EQ(Now() - begin, 3s);
  EXPECT_EQ(server.most, 2);

  // A permit comes back from a ticket that is not used, a Ready and a Call that are cut short.
  auto first = co_await service.Ready();
  Probe call([&] { return Ask(service, 100); });
  EXPECT_TRUE(co_await call.Pending());
  Probe waits([&] { return service.Ready(); });
  EXPECT_TRUE(co_await waits.Pending());
  EXPECT_EQ((co_await waits.Cancel()).error(), ECANCELED);
  Probe next([&] { return service.Ready(); });
  EXPECT_TRUE(co_await next.Pending());
  {
    auto dropped = std::move(*first);
  }
  EXPECT_TRUE(co_await next.Ready());
  auto second = next.Take();
  Probe third([&] { return service.Ready(); });
  EXPECT_TRUE(co_await third.Pending());
  EXPECT_EQ((co_await call.Cancel()).error(), ECANCELED);
  EXPECT_TRUE(co_await third.Ready());
  EXPECT_TRUE(third.Take().ok());
}
TEST_F(ServiceTest, ConcurrencyLimitAndWhatGivesAPermitBack) { Run(ConcurrencyMain()); }

Task<void> RateMain() {
  Server server;
  auto service = Layers().With(RateLimitLayer(10)).Around(server.service());
  const Instant begin = Now();
  EXPECT_EQ((co_await AskAll(service, Ints(21, 0))).size(), 21u);
  EXPECT_GE(Now() - begin, 1950ms);
  EXPECT_LE(Now() - begin, 2100ms);
  (void)co_await Sleep(1h);  // no burst after a pause

  // What is not used is given back: a hundred turns that were cut short delay no other.
  auto held = co_await service.Ready();
  for (int i = 0; i < 100; ++i) {
    Probe waits([&] { return service.Ready(); });
    EXPECT_TRUE(co_await waits.Pending());
    EXPECT_EQ((co_await waits.Cancel()).error(), ECANCELED);
  }
  const Instant before = Now();
  EXPECT_TRUE((co_await service.Ready()).ok());  // its turn comes, and is dropped
  EXPECT_LE(Now() - before, 110ms);
  EXPECT_EQ(*co_await service.Call(std::move(*held), 0), 0);
  const Instant used = Now();
  EXPECT_TRUE((co_await Ask(service, 0)).ok());
  EXPECT_LE(Now() - used, 110ms);
}
TEST_F(ServiceTest, RateLimitAndWhatGivesATurnBack) { Run(RateMain()); }

// A server that stood still for a while is not met by all turns of that while at once.
Task<void> RateAfterAStallMain() {
  Server server;
  auto service =
      Layers().With(RateLimitLayer(10)).With(ConcurrencyLimitLayer(1)).Around(server.service());
  std::vector<Task<IoResult<int>>> tasks;
  tasks.push_back(Ask(service, 100));
  for (int i = 0; i < 50; ++i) tasks.push_back(Ask(service, 0));
  const Instant begin = Now();
  (void)co_await JoinAll(std::move(tasks));
  EXPECT_GE(Now() - begin, 104s + 900ms);
}
TEST_F(ServiceTest, TurnsDoNotPileUpBehindAStall) { Run(RateAfterAStallMain()); }

Task<void> LateTicketMain() {
  Server server;
  auto service =
      Layers().With(TimeoutLayer(1s)).With(ConcurrencyLimitLayer(1)).Around(server.service());
  auto ready = co_await service.Ready();
  (void)co_await Sleep(2s);
  auto late = service.Call(std::move(*ready), 0);
  EXPECT_EQ((co_await late).error(), ETIMEDOUT);
  EXPECT_EQ(*co_await Ask(service, 0), 0);  // though the frame of that call is still there
}
TEST_F(ServiceTest, ATicketThatIsTooOldGivesBackWhatItHolds) { Run(LateTicketMain()); }

Task<void> ShedMain() {
  Server server;
  auto service =
      Layers().With(LoadShedLayer()).With(ConcurrencyLimitLayer(2)).Around(server.service());
  EXPECT_EQ(co_await AskAll(service, {1, 1, 1}), (Ints{1, 1, -EAGAIN}));
  EXPECT_EQ(server.calls, 2);
  EXPECT_EQ(co_await AskAll(service, {2, 2}), (Ints{2, 2}));
  // A task that has used up its budget is not taken for one that waits.
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE((co_await Ask(service, 0)).ok());
  Probe never_begun([&] { return service.Ready(); });
  EXPECT_EQ((co_await never_begun.Cancel()).error(), ECANCELED);
}
TEST_F(ServiceTest, LoadShedAnswersAtOnce) { Run(ShedMain()); }

Task<void> RetryMain() {
  Server server{.failures = 2};
  const Backoff backoff = {.first = 1s, .jitter = 0, .limit = RetryLimit::Attempts(3)};
  auto service = Layers().With(RetryLayer(backoff)).Around(server.service());
  const Instant begin = Now();
  EXPECT_EQ(*co_await Ask(service, 1), 1);
  EXPECT_EQ(server.calls, 3);
  EXPECT_EQ(Now() - begin, 6s);  // three calls of 1 s, and pauses of 1 s and 2 s
  server = {.failures = 9};
  EXPECT_EQ((co_await Ask(service, 0)).error(), ECONNREFUSED);
  EXPECT_EQ(server.calls, 3);

  auto picky = Layers()
                   .With(RetryLayer(backoff, [](const auto& r) { return r.error() == EBUSY; }))
                   .Around(server.service());
  server = {.failures = 9};
  EXPECT_EQ((co_await Ask(picky, 0)).error(), ECONNREFUSED);
  EXPECT_EQ(server.calls, 1);
  server = {.failures = 1, .error = EBUSY};
  EXPECT_EQ(*co_await Ask(picky, 0), 0);

  server = {.failures = 9};
  Probe cut([&] { return Ask(service, 0); });
  EXPECT_TRUE(co_await cut.Pending());  // in the pause
  EXPECT_EQ((co_await cut.Cancel()).error(), ECONNREFUSED);
  EXPECT_EQ(server.calls, 1);
}
TEST_F(ServiceTest, Retry) { Run(RetryMain()); }

Task<void> LogMain() {
  Server server;
  std::vector<std::string> lines;
  auto service =
      Layers()
          .With(LogLayer("sleep", [&](std::string_view line) { lines.emplace_back(line); }))
          .With(LoadShedLayer())
          .With(ConcurrencyLimitLayer(1))
          .Around(server.service());
  EXPECT_EQ(co_await AskAll(service, {12, 1}), (Ints{12, -EAGAIN}));
  server.failures = 1;
  EXPECT_EQ((co_await Ask(service, 3)).error(), ECONNREFUSED);
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "sleep: not ready after 0: Resource temporarily unavailable",
                       "sleep: ok in 12s, ready after 0",
                       "sleep: Connection refused in 3s, ready after 0",
                   }));
}
TEST_F(ServiceTest, LogHasALineForEachRequest) { Run(LogMain()); }

Task<void> AuthMain() {
  Server server;
  auto service = Layers()
                     .With(AuthLayer([](const int& seconds) { return seconds < 5; }))
                     .With(ConcurrencyLimitLayer(1))
                     .Around(server.service());
  EXPECT_EQ(co_await AskAll(service, {1, 5, 2}), (Ints{1, -EACCES, 2}));
  EXPECT_EQ(server.calls, 2);
  auto asked = Layers()
                   .With(AuthLayer([](const int& seconds) -> Task<bool> {
                     co_return co_await Sleep(1s) && seconds < 5;
                   }))
                   .Around(server.service());
  EXPECT_EQ(co_await AskAll(asked, {1, 5}), (Ints{1, -EACCES}));
  Probe cut([&] { return Ask(asked, 1); });
  EXPECT_TRUE(co_await cut.Pending());
  EXPECT_EQ((co_await cut.Cancel()).error(), ECANCELED);
  EXPECT_EQ(server.calls, 3);
}
TEST_F(ServiceTest, AuthLetsNoOtherThrough) { Run(AuthMain()); }

TEST(ServiceDeathTest, LimitsThatLetNothingThrough) {
  EXPECT_DEATH(TimeoutLayer(0s), "leave the TimeoutLayer out");
  EXPECT_DEATH(ConcurrencyLimitLayer(0), "give it at least 1");
  EXPECT_DEATH(RateLimitLayer(0), "give it at least 1");
}

}  // namespace
}  // namespace sluice::core::testing
