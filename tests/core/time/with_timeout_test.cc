// WithTimeout around awaitables that bring another type than an IoResult, in virtual time.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/bytes/transferred.h"
#include "core/io/named_result.h"
#include "core/io/net_result.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

// Brings `value` after a while, or `given_up` if it is cancelled before.
template <typename T>
Task<T> Bring(Duration after, T value, T given_up) {
  if (!co_await Sleep(after)) co_return std::move(given_up);
  co_return std::move(value);
}
Task<int> Number(Duration after) {
  if (!co_await Sleep(after)) throw Cancelled();
  co_return 5;
}

template <typename T>
Task<void> Kind(T value, T given_up) {
  const Instant begin = Now();
  std::optional<T> in_time = co_await WithTimeout(1s, Bring<T>(10ms, value, given_up));
  EXPECT_EQ(in_time, std::optional<T>(value));
  EXPECT_LE(Now() - begin, 15ms);  // it does not wait for the timer

  std::optional<T> late = co_await WithTimeout(1s, Bring<T>(1h, value, given_up));
  EXPECT_FALSE(late.has_value());
  EXPECT_LE(Now() - begin, 1100ms);

  // What it had got although it was asked to give up.
  std::optional<T> won = co_await WithTimeout(1s, Bring<T>(1h, value, value));
  EXPECT_EQ(won, std::optional<T>(value));

  // It had ended before, by itself: the same value is no giving up.
  std::optional<T> empty = co_await WithTimeout(1s, Bring<T>(10ms, given_up, value));
  EXPECT_EQ(empty, std::optional<T>(given_up));
}
Task<void> KindsMain() {
  co_await Kind<bool>(true, false);
  co_await Kind<std::optional<std::string>>("line", std::nullopt);
  co_await Kind<std::shared_ptr<int>>(std::make_shared<int>(3), nullptr);
}
TEST(WithTimeoutOfAnyTest, TellsGivingUpFromAValueThatWon) { VirtualRuntime().Run(KindsMain()); }

Task<void> NumberMain() {
  EXPECT_EQ(co_await WithTimeout(1s, Number(10ms)), std::optional<int>(5));
  EXPECT_EQ(co_await WithTimeout(1s, Number(1h)), std::nullopt);
  // An int says nothing: it is handed on, though late.
  EXPECT_EQ(co_await WithTimeout(1s, Bring<int>(1h, 1, 0)), std::optional<int>(0));
  EXPECT_EQ(co_await WithTimeout(std::nullopt, Number(1h)), std::optional<int>(5));
  const Instant begin = Now();
  EXPECT_EQ(co_await WithTimeout(0s, Number(1h)), std::nullopt);
  EXPECT_EQ(co_await WithDeadline(begin, Number(1h)), std::nullopt);
  EXPECT_EQ(Now(), begin);
  EXPECT_EQ(co_await WithDeadline(begin + 1s, Number(10ms)), std::optional<int>(5));
}
TEST(WithTimeoutOfAnyTest, ATaskGivesUpByThrowingCancelled) { VirtualRuntime().Run(NumberMain()); }

Task<void> Nothing(Duration after) { (void)co_await Sleep(after); }
Task<void> NothingMain() {
  EXPECT_TRUE((co_await WithTimeout(1s, Nothing(10ms))).has_value());
  EXPECT_FALSE((co_await WithTimeout(1s, Nothing(1h))).has_value());
  EXPECT_TRUE((co_await WithTimeout(std::nullopt, Nothing(1h))).has_value());
  EXPECT_TRUE((co_await WithDeadline(Instant::Max(), Nothing(1h))).has_value());
  EXPECT_FALSE((co_await WithTimeout(-1s, Nothing(1h))).has_value());
}
TEST(WithTimeoutOfAnyTest, OfATaskThatBringsNothing) { VirtualRuntime().Run(NothingMain()); }

Task<int> Throw(Duration after, bool when_cancelled) {
  if (!co_await Sleep(after) && !when_cancelled) co_return 0;
  throw std::runtime_error("broken");
}
Task<int> CancelsItself() {
  (void)co_await Sleep(1ms);
  throw Cancelled();
}
Task<void> ThrowMain() {
  EXPECT_THROW((void)co_await WithTimeout(1s, Throw(10ms, false)), std::runtime_error);
  EXPECT_THROW((void)co_await WithTimeout(1s, Throw(1h, true)), std::runtime_error);
  EXPECT_THROW((void)co_await WithTimeout(1s, CancelsItself()), Cancelled);
}
TEST(WithTimeoutOfAnyTest, AnExceptionGoesOn) { VirtualRuntime().Run(ThrowMain()); }

Task<void> CancelMain() {
  for (const Duration after : {Duration(0ns), Duration(1ms), Duration(1s)}) {
    auto outcome = co_await Select(WithTimeout(1h, Number(2h)), Sleep(after));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(outcome.Get<0>(), std::nullopt);
    auto with_value = co_await Select(WithTimeout(1h, Bring<int>(2h, 0, 8)), Sleep(after));
    EXPECT_EQ(with_value.Get<0>(), std::optional<int>(8));
  }
}
TEST(WithTimeoutOfAnyTest, ACancelledScopeCancelsIt) { VirtualRuntime().Run(CancelMain()); }

Task<void> AwaitersMain() {
  // Neither a Task nor movable.
  EXPECT_EQ(co_await WithTimeout(1s, Sleep(1ms)), std::optional<bool>(true));
  EXPECT_EQ(co_await WithTimeout(1s, Sleep(1h)), std::nullopt);
  Interval interval(1h);
  EXPECT_TRUE((co_await WithTimeout(1s, interval.Tick())).has_value());
  EXPECT_FALSE((co_await WithTimeout(1s, interval.Tick())).has_value());
}
TEST(WithTimeoutOfAnyTest, OfWhatIsNoTask) { VirtualRuntime().Run(AwaitersMain()); }

template <typename T>
Task<T> Late(T given_up) {
  EXPECT_FALSE(co_await Sleep(1h));
  co_return std::move(given_up);
}
template <typename T>
Task<T> Throwing() {
  if (!co_await Sleep(1h)) throw Cancelled();
  co_return T();
}
template <typename T>
Task<int> ErrorOf(Task<T> task) {
  co_return (co_await std::move(task)).error();
}

Task<void> FailureMain() {
  using Result = NamedResult<int>;
  const NamedError given_up = {"open", "file", ECANCELED};
  Result late = co_await WithTimeout(1s, Late<Result>(given_up));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_EQ(late.message(), "open file: Connection timed out");
  Result in_time = co_await WithTimeout(1s, Bring<Result>(1ms, 5, given_up));
  EXPECT_EQ(*in_time, 5);
  Result won = co_await WithTimeout(1s, Late<Result>(6));
  EXPECT_EQ(*won, 6);
  Result failed = co_await WithTimeout(1s, Late<Result>(NamedError{"open", "file", ENOENT}));
  EXPECT_EQ(failed.error(), ENOENT);
  Result none = co_await WithTimeout(std::nullopt, Bring<Result>(1h, 7, given_up));
  EXPECT_EQ(*none, 7);
  Result at_once = co_await WithDeadline(Now(), Late<Result>(given_up));
  EXPECT_EQ(at_once.error(), ETIMEDOUT);
  auto throws = []() -> Task<Result> {
    if (!co_await Sleep(1h)) throw Cancelled();
    co_return 5;
  };
  Result thrown = co_await WithTimeout(1s, throws());
  EXPECT_EQ(thrown.error(), ETIMEDOUT);
  EXPECT_EQ(thrown.message(), "await: Connection timed out");
  auto cancelled =
      co_await Select(ErrorOf<Result>(WithTimeout(1h, Late<Result>(given_up))), Sleep(1s));
  EXPECT_EQ(cancelled.Get<0>(), ECANCELED);
}
TEST(WithTimeoutOfErrnoTest, AFailureSaysThatItWasLate) { VirtualRuntime().Run(FailureMain()); }

Task<void> TransferredMain() {
  const auto partly = Transferred(3, ECANCELED);
  Transferred late = co_await WithTimeout(1s, Late<Transferred>(partly));
  EXPECT_EQ(late.bytes(), 3u);  // they are not lost
  EXPECT_EQ(late.error(), ETIMEDOUT);
  Transferred won = co_await WithTimeout(1s, Late<Transferred>(Transferred(9, 0)));
  EXPECT_TRUE(won.ok());
  EXPECT_EQ(won.bytes(), 9u);
  Transferred thrown = co_await WithTimeout(1s, Throwing<Transferred>());
  EXPECT_EQ(thrown.bytes(), 0u);
  EXPECT_EQ(thrown.error(), ETIMEDOUT);
  auto cancelled =
      co_await Select(ErrorOf<Transferred>(WithTimeout(1h, Late<Transferred>(partly))), Sleep(1s));
  EXPECT_EQ(cancelled.Get<0>(), ECANCELED);
}
TEST(WithTimeoutOfErrnoTest, ATransferSaysHowFarItCame) { VirtualRuntime().Run(TransferredMain()); }

// To ask the clock takes as long as the rest of a time-out that is in time.
Task<uint64_t> ReadsOf100(const VirtualClock& clock, std::optional<Duration> timeout) {
  const uint64_t before = clock.reads();
  for (int i = 0; i < 100; ++i) co_await WithTimeout(timeout, Turns(1));
  co_return clock.reads() - before;
}
Task<void> ReadsMain(const VirtualClock& clock) {
  const uint64_t without = co_await ReadsOf100(clock, std::nullopt);
  EXPECT_EQ(co_await ReadsOf100(clock, 1s), without + 100);
}
TEST(WithTimeoutOfAnyTest, AsksTheClockOnce) {
  VirtualRuntime runtime;
  runtime.Run(ReadsMain(runtime.clock));
}

template <typename T>
using Timely = AwaitValue<decltype(WithTimeout(1s, Task<T>()))>;
static_assert(std::is_same_v<Timely<IoResult<int>>, IoResult<int>>);
static_assert(std::is_same_v<Timely<NetResult<int>>, NetResult<int>>);
static_assert(std::is_same_v<Timely<NamedResult<int>>, NamedResult<int>>);
static_assert(std::is_same_v<Timely<Transferred>, Transferred>);
static_assert(std::is_same_v<Timely<Outcome<int>>, std::optional<Outcome<int>>>);
static_assert(std::is_same_v<Timely<absl::StatusOr<int>>, std::optional<absl::StatusOr<int>>>);

TEST(GaveUpTest, DependsOnTheType) {
  EXPECT_TRUE(GaveUp(Unit{}));
  EXPECT_TRUE(GaveUp(false));
  EXPECT_FALSE(GaveUp(true));
  EXPECT_FALSE(GaveUp(0));
  EXPECT_TRUE(GaveUp(IoResult<int>(IoError(ECANCELED))));
  EXPECT_FALSE(GaveUp(IoResult<int>(IoError(EPIPE))));
  EXPECT_FALSE(GaveUp(IoResult<int>(0)));
  EXPECT_TRUE(GaveUp(Outcome<int>::OfCancellation()));
  EXPECT_FALSE(GaveUp(Outcome<int>(0)));
  EXPECT_TRUE(GaveUp(std::optional<int>()));
  EXPECT_FALSE(GaveUp(std::optional<int>(0)));
  EXPECT_TRUE(GaveUp(std::unique_ptr<int>()));
  EXPECT_FALSE(GaveUp(std::string()));
  EXPECT_TRUE(GaveUp(Transferred(0, ECANCELED)));
  EXPECT_FALSE(GaveUp(Transferred(3, ECANCELED)));  // they are not lost
  EXPECT_FALSE(GaveUp(Transferred(0, EPIPE)));
  EXPECT_FALSE(GaveUp(Transferred(3, 0)));
  EXPECT_TRUE(GaveUp(NamedResult<int>(NamedError{"open", "file", ECANCELED})));
  EXPECT_FALSE(GaveUp(NamedResult<int>(NamedError{"open", "file", ENOENT})));
  EXPECT_FALSE(GaveUp(NamedResult<int>(7)));
  EXPECT_TRUE(GaveUp(absl::CancelledError()));
  EXPECT_FALSE(GaveUp(absl::OkStatus()));
  EXPECT_TRUE(GaveUp(absl::StatusOr<int>(absl::CancelledError("cut short"))));
  EXPECT_FALSE(GaveUp(absl::StatusOr<int>(absl::NotFoundError("none"))));
  EXPECT_FALSE(GaveUp(absl::StatusOr<int>(7)));
}

}  // namespace
}  // namespace sluice::core::testing
