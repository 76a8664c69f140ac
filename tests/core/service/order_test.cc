// The order of layers: a request passes them as they are written; each pair shows by what it does
// which one is outside. And: permits in every order of grants and cancellations.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/combine/retry.h"
#include "core/service/auth_layer.h"
#include "core/service/concurrency_limit_layer.h"
#include "core/service/load_shed_layer.h"
#include "core/service/log_layer.h"
#include "core/service/rate_limit_layer.h"
#include "core/service/retry_layer.h"
#include "core/service/service.h"
#include "core/service/timeout_layer.h"
#include "core/task/join.h"
#include "core/testing/fixture.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

class OrderTest : public OneWorkerTest {};

Task<IoResult<int>> SleepFor(int seconds) {
  if (!co_await Sleep(seconds * 1s)) co_return IoError(ECANCELED);
  co_return seconds;
}
Task<IoResult<int>> Fail(int seconds) {
  (void)co_await Sleep(seconds * 1s);
  co_return IoError(EIO);
}

// Notes when it is asked and when the answer passes.
struct NoteLayer {
  template <typename S>
  struct Noting {
    auto Ready() { return inner.Ready(); }
    template <typename Request>
    Task<ServiceResponse<S, Request>> Call(ServiceTicket<S> ticket, Request request) {
      notes->push_back(name);
      auto response = co_await inner.Call(std::move(ticket), std::move(request));
      notes->push_back("/" + name);
      co_return std::move(response);
    }
    S inner;
    std::string name;
    std::vector<std::string>* notes;
  };
  template <typename S>
  auto Of(S inner) {
    return Noting<S>{std::move(inner), name, notes};
  }
  std::string name;
  std::vector<std::string>* notes;
};

Task<void> NotesMain() {
  std::vector<std::string> notes;
  auto service = Layers()
                     .With(NoteLayer{"a", &notes})
                     .With(NoteLayer{"b", &notes})
                     .With(NoteLayer{"c", &notes})
                     .Around(ServiceOf(SleepFor));
  EXPECT_TRUE((co_await Ask(service, 1)).ok());
  EXPECT_EQ(notes, (std::vector<std::string>{"a", "b", "c", "/c", "/b", "/a"}));
}
TEST_F(OrderTest, TheFirstIsTheOutermost) { Run(NotesMain()); }

// Two requests of 6 s each, one at a time, with a timeout of 10 s.
Task<void> TimeoutMain() {
  auto outside =
      Layers().With(TimeoutLayer(10s)).With(ConcurrencyLimitLayer(1)).Around(ServiceOf(SleepFor));
  auto [a, b] = co_await Join(Ask(outside, 6), Ask(outside, 6));
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(b.error(), ETIMEDOUT);  // the waiting counts
  auto inside =
      Layers().With(ConcurrencyLimitLayer(1)).With(TimeoutLayer(10s)).Around(ServiceOf(SleepFor));
  auto [c, d] = co_await Join(Ask(inside, 6), Ask(inside, 6));
  EXPECT_TRUE(c.ok());
  EXPECT_TRUE(d.ok());
}
TEST_F(OrderTest, ATimeoutBeforeALimitCountsTheWaiting) { Run(TimeoutMain()); }

// One that fails and waits a minute before it tries again, and one that succeeds.
Task<void> RetryMain() {
  const Backoff backoff = {
      .first = 1min, .most = 1h, .jitter = 0, .limit = RetryLimit::Attempts(2)};
  const auto either = [](int seconds) { return seconds == 1 ? Fail(1) : SleepFor(seconds); };
  const auto time_of_second = [&](auto& service) -> Task<Duration> {
    const Instant begin = Now();
    Duration took{};
    const auto second = [&]() -> Task<void> {
      EXPECT_TRUE((co_await Ask(service, 2)).ok());
      took = Now() - begin;
    };
    auto [failed, done] = co_await Join(Ask(service, 1), second());
    EXPECT_EQ(failed.error(), EIO);
    co_return took;
  };
  auto outside =
      Layers().With(RetryLayer(backoff)).With(ConcurrencyLimitLayer(1)).Around(ServiceOf(either));
  EXPECT_EQ(co_await time_of_second(outside), 3s);  // its permit was free during the pause
  auto inside =
      Layers().With(ConcurrencyLimitLayer(1)).With(RetryLayer(backoff)).Around(ServiceOf(either));
  EXPECT_EQ(co_await time_of_second(inside), 1min + 4s);
}
TEST_F(OrderTest, ARetryBeforeALimitHoldsNoPermitInItsPauses) { Run(RetryMain()); }

Task<void> TimeoutOfRetriesMain() {
  const Backoff backoff = {.first = 1s, .factor = 1, .jitter = 0, .limit = RetryLimit::Attempts(3)};
  auto each = Layers().With(RetryLayer(backoff)).With(TimeoutLayer(2s)).Around(ServiceOf(SleepFor));
  const Instant begin = Now();
  EXPECT_EQ((co_await Ask(each, 9)).error(), ETIMEDOUT);
  EXPECT_EQ(Now() - begin, 8s);  // three attempts, two pauses
  auto all = Layers().With(TimeoutLayer(2s)).With(RetryLayer(backoff)).Around(ServiceOf(Fail));
  const Instant second = Now();
  EXPECT_FALSE((co_await Ask(all, 1)).ok());
  EXPECT_EQ(Now() - second, 2s);
}
TEST_F(OrderTest, ATimeoutIsOfAllAttemptsOrOfEach) { Run(TimeoutOfRetriesMain()); }

Task<void> LogMain() {
  int lines = 0;
  const auto count = [&lines](std::string_view) { ++lines; };
  const Backoff backoff = {.first = 1s, .limit = RetryLimit::Attempts(3)};
  auto each = Layers().With(RetryLayer(backoff)).With(LogLayer("x", count)).Around(ServiceOf(Fail));
  EXPECT_FALSE((co_await Ask(each, 0)).ok());
  EXPECT_EQ(std::exchange(lines, 0), 3);
  auto once = Layers().With(LogLayer("x", count)).With(RetryLayer(backoff)).Around(ServiceOf(Fail));
  EXPECT_FALSE((co_await Ask(once, 0)).ok());
  EXPECT_EQ(lines, 1);
}
TEST_F(OrderTest, ALogOfAttemptsOrOfRequests) { Run(LogMain()); }

Task<void> ShedMain() {
  auto sheds = Layers().With(LoadShedLayer()).With(RateLimitLayer(1)).Around(ServiceOf(SleepFor));
  EXPECT_TRUE((co_await Ask(sheds, 0)).ok());
  EXPECT_EQ((co_await Ask(sheds, 0)).error(), EAGAIN);
  auto waits = Layers().With(RateLimitLayer(1)).With(LoadShedLayer()).Around(ServiceOf(SleepFor));
  EXPECT_TRUE((co_await Ask(waits, 0)).ok());
  EXPECT_TRUE((co_await Ask(waits, 0)).ok());
}
TEST_F(OrderTest, OnlyWhatIsInsideIsShed) { Run(ShedMain()); }

// All at once.
Task<void> AllMain() {
  std::vector<std::string> lines;
  auto service = Layers()
                     .With(LogLayer("all", [&](std::string_view l) { lines.emplace_back(l); }))
                     .With(AuthLayer([](const int& seconds) { return seconds >= 0; }))
                     .With(TimeoutLayer(10s))
                     .With(RetryLayer({.limit = RetryLimit::Attempts(2)}))
                     .With(LoadShedLayer())
                     .With(RateLimitLayer(100))
                     .With(ConcurrencyLimitLayer(5))
                     .Around(ServiceOf(SleepFor));
  EXPECT_EQ(*co_await Ask(service, 3), 3);
  EXPECT_EQ((co_await Ask(service, -1)).error(), EACCES);
  EXPECT_EQ((co_await Ask(service, 60)).error(), ETIMEDOUT);
  EXPECT_EQ(lines.size(), 3u);
}
TEST_F(OrderTest, AllOfThem) { Run(AllMain()); }

// A call is a slot under a limit of one: whatever is cut short, the permit comes back, and no slot
// is lost.
template <auto kWrap>
struct PermitCase {
  Task<bool> Wait(int) {
    IoResult<int> got = co_await Ask(service, 1);
    co_return got.ok();
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    if (run.got + left != run.given) return "a slot was lost or doubled";
    // The permit is held by one that waits for a slot.
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
  decltype(kWrap(slots)) service = kWrap(slots);
};
auto Taking(Slots& slots) {
  return ServiceOf([&slots](int) -> Task<IoResult<int>> {
    if (!co_await slots.Take()) co_return IoError(ECANCELED);
    co_return 1;
  });
}
constexpr auto kLimited = [](Slots& slots) {
  return Layers().With(ConcurrencyLimitLayer(1)).Around(Taking(slots));
};
TEST(ServiceOrdersTest, ConcurrencyLimit) { EXPECT_EQ(FindBadOrder<PermitCase<kLimited>>(), ""); }
constexpr auto kMore = [](Slots& slots) {
  return Layers()
      .With(AuthLayer([](int) { return true; }))
      .With(ConcurrencyLimitLayer(1))
      .With(ConcurrencyLimitLayer(1))
      .Around(Taking(slots));
};
TEST(ServiceOrdersTest, SeveralLayers) { EXPECT_EQ(FindBadOrder<PermitCase<kMore>>(), ""); }

}  // namespace
}  // namespace sluice::core::testing
