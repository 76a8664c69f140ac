// Sleep and WithTimeout, in virtual time.

#include "core/time/sleep.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/select.h"
#include "core/time/timeout.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

constexpr Nanos kHour = 3600 * kSecond;

Task<void> SleepMain(const Clock& clock) {
  for (Nanos span : {1 * kMillisecond, 63 * kMillisecond, 65 * kMillisecond, 5 * kSecond, kHour,
                     300 * 24 * kHour}) {
    const Nanos before = clock.Now();
    EXPECT_TRUE(co_await Sleep(span));
    EXPECT_GE(clock.Now() - before, span);
    EXPECT_LE(clock.Now() - before, span + kMillisecond);
  }
  const Nanos before = clock.Now();
  EXPECT_TRUE(co_await Sleep(0));
  EXPECT_LE(clock.Now() - before, kMillisecond);
}
TEST(SleepTest, LastsAsLongAsAskedFor) {
  VirtualRuntime runtime;
  runtime.Run(SleepMain(runtime.clock));
}

Task<void> NoteAfter(Nanos span, std::vector<Nanos>& order) {
  (void)co_await Sleep(span);
  order.push_back(span);
}
Task<void> OrderMain(RuntimeHandle runtime) {
  std::vector<Nanos> order;
  TaskGroup group(runtime);
  for (Nanos i = 0; i < 300; ++i) {
    group.Spawn(NoteAfter((i * 7919 % 300 + 1) * 10 * kMillisecond, order));
  }
  co_await group.Join();
  EXPECT_EQ(order.size(), 300u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}
Task<void> OrderRoot() { co_await OrderMain(RuntimeHandle::Current()); }
TEST(SleepTest, ManySleepersWakeInOrder) { VirtualRuntime().Run(OrderRoot()); }

// Ends with `error` (0: the value 7) after a while, or with ECANCELED.
Task<IoResult<int>> Answer(Nanos after, int error) {
  if (!co_await Sleep(after)) co_return IoError(ECANCELED);
  if (error != 0) co_return IoError(error);
  co_return 7;
}
// Does not listen to being cancelled.
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
  explicit AnswerOp(Nanos after) : sleep_(after) {}
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
  const Nanos begin = clock.Now();
  IoResult<int> in_time = co_await WithTimeout(kSecond, AnswerOp(kMillisecond));
  EXPECT_EQ(*in_time, 9);
  EXPECT_LT(clock.Now() - begin, kSecond);
  IoResult<int> late = co_await WithTimeout(kSecond, AnswerOp(kHour));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_LT(clock.Now() - begin, 3 * kSecond);
  IoResult<int> none = co_await WithTimeout(0, AnswerOp(kHour));
  EXPECT_EQ(*none, 9);
}
TEST(WithTimeoutTest, OfWhatIsNoTask) {
  VirtualRuntime runtime;
  runtime.Run(TimeoutOfOpMain(runtime.clock));
}

Task<void> TimeoutMain(const Clock& clock) {
  const Nanos begin = clock.Now();
  IoResult<int> in_time = co_await WithTimeout(kSecond, Answer(kMillisecond, 0));
  EXPECT_TRUE(in_time.ok());
  EXPECT_EQ(*in_time, 7);
  EXPECT_LT(clock.Now() - begin, kSecond);  // it does not wait for the timer

  IoResult<int> failed = co_await WithTimeout(kSecond, Answer(kMillisecond, ECONNREFUSED));
  EXPECT_EQ(failed.error(), ECONNREFUSED);

  IoResult<int> late = co_await WithTimeout(kSecond, Answer(kHour, 0));
  EXPECT_EQ(late.error(), ETIMEDOUT);
  EXPECT_LT(clock.Now() - begin, 3 * kSecond);

  IoResult<int> won = co_await WithTimeout(kSecond, Stubborn(3));
  EXPECT_TRUE(won.ok());
  EXPECT_EQ(*won, 8);

  IoResult<int> none = co_await WithTimeout(0, Answer(kHour, 0));
  EXPECT_EQ(*none, 7);
}
TEST(WithTimeoutTest, BringsTheResultOrETIMEDOUT) {
  VirtualRuntime runtime;
  runtime.Run(TimeoutMain(runtime.clock));
}

Task<int> ErrorOf(Task<IoResult<int>> task) {
  IoResult<int> result = co_await std::move(task);
  co_return result.error();
}
Task<void> CancelMain() {
  // The scope around it is cancelled first: that is no timeout.
  auto outcome = co_await Select(ErrorOf(WithTimeout(kHour, Answer(2 * kHour, 0))), Sleep(kSecond));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), ECANCELED);
  // One inside another: the inner one's timeout is the inner one's.
  outcome = co_await Select(ErrorOf(WithTimeout(kHour, WithTimeout(kSecond, Answer(2 * kHour, 0)))),
                            Sleep(2 * kHour));
  EXPECT_EQ(outcome.Get<0>(), ETIMEDOUT);
}
TEST(WithTimeoutTest, ACancelledScopeIsNoTimeout) { VirtualRuntime().Run(CancelMain()); }

}  // namespace
}  // namespace sluice::core::testing
