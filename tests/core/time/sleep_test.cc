// Sleep and WithTimeout, in virtual time.

#include "core/time/sleep.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/time/timeout.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

constexpr Duration kHour = 1h;

Task<void> SleepMain(const Clock& clock) {
  for (const Duration span :
       std::initializer_list<Duration>{1ms, 63ms, 65ms, 5s, kHour, 300 * 24 * kHour}) {
    const Instant before = clock.Now();
    EXPECT_TRUE(co_await Sleep(span));
    EXPECT_GE(clock.Now() - before, span);
    EXPECT_LE(clock.Now() - before, span + 1ms);
  }
  const Instant before = clock.Now();
  EXPECT_TRUE(co_await Sleep(0ns));
  EXPECT_LE(clock.Now() - before, 1ms);
}
TEST(SleepTest, LastsAsLongAsAskedFor) {
  VirtualRuntime runtime;
  runtime.Run(SleepMain(runtime.clock));
}

Task<void> NoteAfter(Duration span, std::vector<Duration>& order) {
  (void)co_await Sleep(span);
  order.push_back(span);
}
Task<void> OrderMain(RuntimeHandle runtime) {
  std::vector<Duration> order;
  TaskGroup group(runtime);
  for (int i = 0; i < 300; ++i) {
    group.Spawn(NoteAfter((i * 7919 % 300 + 1) * 10ms, order));
  }
  co_await group.Join();
  EXPECT_EQ(order.size(), 300u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}
Task<void> OrderRoot() { co_await OrderMain(RuntimeHandle::Current()); }
TEST(SleepTest, ManySleepersWakeInOrder) { VirtualRuntime().Run(OrderRoot()); }

// Ends with `error` (0: the value 7) after a while, or with ECANCELED.
Task<IoResult<int>> Answer(Duration after, int error) {
  if (!co_await Sleep(after)) co_return IoError(ECANCELED);
  if (error != 0) co_return IoError(error);
  co_return 7;
}
// Ignores that it is cancelled.
Task<IoResult<int>> Stubborn(int yields) {
  CancellableGate never;
  const bool opened = co_await never;
  EXPECT_FALSE(opened);
  for (; yields > 0; --yields) co_await Yield();
  co_return 8;
}

// The same without a coroutine, and it can be neither copied nor moved.
class AnswerOp {
 public:
  explicit AnswerOp(Duration after) : sleep_(after) {}
  AnswerOp(const AnswerOp&) = delete;
  AnswerOp& operator=(const AnswerOp&) = delete;
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return sleep_.await_suspend(handle);
  }
  IoResult<int> await_resume() {
    if (!sleep_.await_resume()) return IoError(ECANCELED);
    return 9;
  }

 private:
  SleepAwaiter sleep_;
};

Task<void> TimeoutOfOpMain(const Clock& clock) {
  const Instant begin = clock.Now();
  IoResult<int> in_time = co_await WithTimeout(1s, AnswerOp(1ms));
  EXPECT_EQ(*in_time, 9);
  EXPECT_LT(clock.Now() - begin, 1s);
  IoResult<int> late = co_await WithTimeout(1s, AnswerOp(kHour));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_LT(clock.Now() - begin, 3s);
  const Instant over = clock.Now();
  IoResult<int> at_once = co_await WithTimeout(-1s, AnswerOp(kHour));
  EXPECT_EQ(at_once.error(), ETIMEDOUT);
  EXPECT_EQ(clock.Now(), over);
  IoResult<int> none = co_await WithTimeout(std::nullopt, AnswerOp(kHour));
  EXPECT_EQ(*none, 9);
}
TEST(WithTimeoutTest, OfWhatIsNoTask) {
  VirtualRuntime runtime;
  runtime.Run(TimeoutOfOpMain(runtime.clock));
}

Task<void> TimeoutMain(const Clock& clock) {
  const Instant begin = clock.Now();
  IoResult<int> in_time = co_await WithTimeout(1s, Answer(1ms, 0));
  EXPECT_TRUE(in_time.ok());
  EXPECT_EQ(*in_time, 7);
  EXPECT_LT(clock.Now() - begin, 1s);  // it does not wait for the timer

  IoResult<int> failed = co_await WithTimeout(1s, Answer(1ms, ECONNREFUSED));
  EXPECT_EQ(failed.error(), ECONNREFUSED);

  IoResult<int> late = co_await WithTimeout(1s, Answer(kHour, 0));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_LT(clock.Now() - begin, 3s);

  IoResult<int> won = co_await WithTimeout(1s, Stubborn(3));
  EXPECT_TRUE(won.ok());
  EXPECT_EQ(*won, 8);

  IoResult<int> none = co_await WithTimeout(std::nullopt, Answer(kHour, 0));
  EXPECT_EQ(*none, 7);
}
TEST(WithTimeoutTest, BringsTheResultOrETIMEDOUT) {
  VirtualRuntime runtime;
  runtime.Run(TimeoutMain(runtime.clock));
}

// What ends without a wait.
Task<IoResult<int>> Ready() { co_return 6; }

Task<void> OverMain(const Clock& clock) {
  const Instant begin = clock.Now();
  for (const Duration timeout : {Duration(0ns), Duration(-1s), Duration::min()}) {
    IoResult<int> late = co_await WithTimeout(timeout, Answer(kHour, 0));
    EXPECT_EQ(late.error(), ETIMEDOUT);
    IoResult<int> ready = co_await WithTimeout(timeout, Ready());
    EXPECT_EQ(*ready, 6);
    IoResult<int> won = co_await WithTimeout(timeout, Stubborn(3));
    EXPECT_EQ(*won, 8);
  }
  EXPECT_EQ(clock.Now(), begin);
}
TEST(WithTimeoutTest, OfNothingOrLessIsOverAtOnceAfterOneLook) {
  VirtualRuntime runtime;
  runtime.Run(OverMain(runtime.clock));
}

Task<void> DeadlineMain(const Clock& clock) {
  const Instant begin = clock.Now();
  IoResult<int> in_time = co_await WithDeadline(begin + 1s, Answer(1ms, 0));
  EXPECT_EQ(*in_time, 7);
  IoResult<int> late = co_await WithDeadline(begin + 1s, AnswerOp(kHour));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_GE(clock.Now(), begin + 1s);
  EXPECT_LE(clock.Now(), begin + 1001ms);
  // Several share one: what is left for the last ones is nothing.
  const Instant past = clock.Now();
  IoResult<int> over = co_await WithDeadline(begin + 1s, Answer(1ms, 0));
  EXPECT_EQ(over.error(), ETIMEDOUT);
  IoResult<int> ready = co_await WithDeadline(Instant::Min(), Ready());
  EXPECT_EQ(*ready, 6);
  EXPECT_EQ(clock.Now(), past);
  IoResult<int> none = co_await WithDeadline(Instant::Max(), Answer(kHour, 0));
  EXPECT_EQ(*none, 7);
}
TEST(WithDeadlineTest, IsThatOfAPointInTime) {
  VirtualRuntime runtime;
  runtime.Run(DeadlineMain(runtime.clock));
}

// Gives up as what awaits a stream does.
Task<IoResult<int>> AnswerOrThrow(Duration after) {
  if (!co_await Sleep(after)) throw Cancelled();
  co_return 7;
}
Task<IoResult<int>> CancelsItself() {
  (void)co_await Sleep(1ms);
  throw Cancelled();
}
Task<void> ThrowMain() {
  IoResult<int> late = co_await WithTimeout(1s, AnswerOrThrow(kHour));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  late = co_await WithTimeout(0s, AnswerOrThrow(kHour));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  IoResult<int> in_time = co_await WithTimeout(1s, AnswerOrThrow(1ms));
  EXPECT_EQ(*in_time, 7);
  EXPECT_THROW((void)co_await WithTimeout(1s, CancelsItself()), Cancelled);
}
TEST(WithTimeoutTest, ATaskThatThrowsCancelledIsLate) { VirtualRuntime().Run(ThrowMain()); }

Task<int> ErrorOf(Task<IoResult<int>> task) {
  IoResult<int> result = co_await std::move(task);
  co_return result.error();
}
Task<void> CancelMain() {
  // The scope around it is cancelled first: that is no timeout.
  auto outcome = co_await Select(ErrorOf(WithTimeout(kHour, Answer(2 * kHour, 0))), Sleep(1s));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), ECANCELED);
  outcome = co_await Select(ErrorOf(WithTimeout(kHour, AnswerOrThrow(2 * kHour))), Sleep(1s));
  EXPECT_EQ(outcome.Get<0>(), ECANCELED);
  // One inside another: the inner one's timeout is the inner one's.
  outcome = co_await Select(ErrorOf(WithTimeout(kHour, WithTimeout(1s, Answer(2 * kHour, 0)))),
                            Sleep(2 * kHour));
  EXPECT_EQ(outcome.Get<0>(), ETIMEDOUT);
}
TEST(WithTimeoutTest, ACancelledScopeIsNoTimeout) { VirtualRuntime().Run(CancelMain()); }

}  // namespace
}  // namespace sluice::core::testing
