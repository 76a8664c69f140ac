// Probe and Settle: what is pending waits for something that cannot happen by itself.
#include "core/testing/probe.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "core/runtime/spawn.h"
#include "core/sync/mpsc.h"
#include "core/sync/semaphore.h"
#include "core/task/yield.h"
#include "core/testing/testbed.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class ProbeTest : public BackendTest {
 protected:
  void Run(Task<void> task) {
    Testbed bed({.workers = GetParam().workers, .backend = GetParam().backend});
    EXPECT_EQ(bed.Run(std::move(task)), "");
    EXPECT_EQ(bed.Finish(), "");
  }
};
SLUICE_ON_EVERY_BACKEND(ProbeTest);

// As the header tells it.
Task<void> Receive() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  Probe next([&] { return receiver.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_FALSE(co_await next.Ready());
  EXPECT_TRUE(sender.TrySend(7).ok());
  EXPECT_TRUE(co_await next.Ready());
  EXPECT_FALSE(co_await next.Pending());
  EXPECT_EQ(*next.Take(), 7);

  Probe last([&] { return receiver.Next(); });
  EXPECT_TRUE(co_await last.Pending());
  EXPECT_EQ((co_await last.Cancel()).error(), ECANCELED);
}
TEST_P(ProbeTest, TellsWhatWaitsFromWhatHasEnded) { Run(Receive()); }

// A value that is there is not lost by a cancellation, and one that has not begun begins cancelled.
Task<void> CancelLate() {
  auto [sender, receiver] = Mpsc<std::unique_ptr<int>>::Make(1);
  Probe next([&] { return receiver.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE(sender.TrySend(std::make_unique<int>(5)).ok());
  EXPECT_EQ(**(co_await next.Cancel()), 5);
  EXPECT_TRUE(sender.TrySend(std::make_unique<int>(6)).ok());
  Probe never([&] { return receiver.Next(); });
  EXPECT_EQ((co_await never.Cancel()).error(), ECANCELED);
  EXPECT_EQ(receiver.size(), 1u);
}
TEST_P(ProbeTest, CancelBringsWhatItHadGot) { Run(CancelLate()); }

// It waits for the end of long chains in other tasks, and for no timer.
Task<int> Slow(int yields) {
  for (int i = 0; i < yields; ++i) co_await core::Yield();
  co_return yields;
}
Task<int> SlowElsewhere() { co_return (co_await Spawn(Slow(2'000))).value(); }
Task<void> Settling() {
  const Instant before = Now();
  Probe slow([] { return SlowElsewhere(); });
  EXPECT_TRUE(co_await slow.Ready());
  EXPECT_EQ(slow.Take(), 2'000);
  Probe sleeping([] { return Sleep(1h); });
  EXPECT_TRUE(co_await sleeping.Pending());
  EXPECT_EQ(Now(), before);
  (void)co_await Sleep(1h);
  EXPECT_TRUE(co_await sleeping.Ready());
  EXPECT_TRUE(sleeping.Take());
}
TEST_P(ProbeTest, WaitsUntilAllHasRunAndNoTimePasses) { Run(Settling()); }

Task<int> Throws() {
  co_await core::Yield();
  throw std::string("broken");
}
Task<void> TakeThrown() {
  Probe throws([] { return Throws(); });
  EXPECT_TRUE(co_await throws.Ready());
  EXPECT_THROW((void)throws.Take(), std::string);
}
TEST_P(ProbeTest, TakeThrowsWhatItThrew) { Run(TakeThrown()); }

Task<void> ForgetsIt() {
  Semaphore none(0);
  Probe waits([&] { return none.Acquire(); });
  EXPECT_TRUE(co_await waits.Pending());
}
Task<void> TakesItEarly() {
  Probe sleeping([] { return Sleep(1h); });
  EXPECT_TRUE(co_await sleeping.Pending());
  (void)sleeping.Take();
}
TEST(ProbeDeathTest, MisuseSaysWhatToDo) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH((void)Testbed({.backend = Backend::kEpoll}).Run(ForgetsIt()),
               "await its Cancel\\(\\) before");
  EXPECT_DEATH((void)Testbed({.backend = Backend::kEpoll}).Run(TakesItEarly()),
               "await Ready\\(\\) before");
  EXPECT_DEATH(Runtime().BlockOn(Settle()), "run them in a Testbed");
}

}  // namespace
}  // namespace sluice::core::testing
