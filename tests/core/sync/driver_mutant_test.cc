// The driver of cancellations finds mistakes in real primitives: those that are planted in copies
// of core/sync (for the model checker, tests/model/mistakes.py) and need no second thread to show.
// The copies come first: their guards keep the real headers out; wait_list.cc, semaphore.cc and
// notify.cc are linked as copies.
#include "tests/model/planted/bounded_channel.h"
#include "tests/model/planted/oneshot.h"
//
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include "core/sync/notify.h"
#include "core/sync/semaphore.h"
#include "tests/core/support/slots.h"
#include "tests/core/sync/mpsc_cases.h"
#include "tests/model/planted.h"

extern "C" {
[[gnu::weak]] void __lsan_disable();  // NOLINT(bugprone-reserved-identifier)
[[gnu::weak]] void __lsan_enable();   // NOLINT(bugprone-reserved-identifier)
}

namespace sluice::core::testing {
namespace {

template <typename Case>
std::string FindPlanted(const char* mistake) {
  model::planted = mistake;
  // It may leave a task that waits for ever, which is no leak of the code under test.
  if (__lsan_disable != nullptr) __lsan_disable();
  std::string found = FindBadOrder<Case>();
  if (__lsan_enable != nullptr) __lsan_enable();
  model::planted = "";
  return found;
}

struct SlotCase {
  Task<bool> Wait(int) { co_return co_await slots.Take(); }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    return run.got + left == run.given ? "" : "a slot was lost or doubled";
  }

  Slots slots{0};
};

// The first wants two permits, the second one; the first grant is a permit, the other is none: it
// would make good what was forgotten.
struct PermitCase {
  Task<bool> Wait(int i) {
    auto permit = co_await semaphore.Acquire(i == 0 ? 2 : 1);
    if (!permit.ok()) co_return false;
    (void)permit->Forget();
    taken += i == 0 ? 2 : 1;
    co_return true;
  }
  void Grant(int i) {
    if (i == 0) semaphore.Release(1);
  }
  std::string Check(const CancelRun& run) {
    const int left = static_cast<int>(semaphore.available());
    if (taken + left != std::min(run.given, 1)) return "a permit was lost or doubled";
    const bool small_waits = run.begun[1] && !run.ended[1];
    const bool large_waits = run.begun[0] && !run.ended[0];
    if (small_waits && !large_waits && left > 0) return "one waits though there is a permit";
    return large_waits && left > 1 ? "one waits though there are permits" : "";
  }

  Semaphore semaphore{0};
  int taken = 0;
};

// One wake-up, which is taken or kept.
struct NotifyCase {
  Task<bool> Wait(int) { co_return (co_await notify.Wait()).ok(); }
  void Grant(int i) {
    if (i == 0) notify.One();
  }
  std::string Check(const CancelRun& run) {
    return run.waiting > 0 && run.got == 0 && run.given > 0 ? "a wake-up was lost" : "";
  }

  Notify notify;
};

struct OneshotCase {
  OneshotCase() { std::tie(sender, receiver) = Oneshot<MoveOnly>::Make(); }
  Task<bool> Wait(int) {
    if (busy || received) co_return false;
    busy = true;
    auto value = co_await *receiver;
    busy = false;
    received = value.ok();
    co_return value.ok();
  }
  void Grant(int i) {
    if (i == 0) (void)sender->Send(MoveOnly(counts, 0));
  }
  std::string Check(const CancelRun& run) {
    if (run.given > 0 && run.got + counts.alive != 1) return "the value was lost or doubled";
    return run.waiting > 0 && run.given > 0 && !received ? "one waits though it was sent" : "";
  }

  ValueCounts counts;
  std::optional<Oneshot<MoveOnly>::Sender> sender;
  std::optional<Oneshot<MoveOnly>::Receiver> receiver;
  bool busy = false;
  bool received = false;
};

TEST(DriverMutantTest, None) {
  EXPECT_EQ(FindPlanted<SlotCase>(""), "");
  EXPECT_EQ(FindPlanted<PermitCase>(""), "");
  EXPECT_EQ(FindPlanted<NotifyCase>(""), "");
  EXPECT_EQ(FindPlanted<OneshotCase>(""), "");
  EXPECT_EQ(FindPlanted<ReceiveCase>(""), "");
  EXPECT_EQ(FindPlanted<SendCase>(""), "");
  EXPECT_EQ(FindPlanted<ReserveCase>(""), "");
}
TEST(DriverMutantTest, CancelPostsNothing) {
  EXPECT_NE(FindPlanted<SlotCase>("cancel posts nothing"), "");
}
TEST(DriverMutantTest, SemaphoreGivingUpServesNone) {
  EXPECT_NE(FindPlanted<PermitCase>("giving up serves none"), "");
}
TEST(DriverMutantTest, NotifyGivesUpWithItsWakeUp) {
  EXPECT_NE(FindPlanted<NotifyCase>("gives up with its wake-up"), "");
}
TEST(DriverMutantTest, OneshotWakesNone) {
  EXPECT_NE(FindPlanted<OneshotCase>("oneshot wakes none"), "");
}
TEST(DriverMutantTest, ReceiveServesNone) {
  EXPECT_NE(FindPlanted<SendCase>("receive serves none"), "");
}
TEST(DriverMutantTest, SentAndGivenBack) {
  EXPECT_NE(FindPlanted<SendCase>("filled without its sender"), "");
}
TEST(DriverMutantTest, ValueForOneThatHasGivenUp) {
  EXPECT_NE(FindPlanted<ReceiveCase>("handed to one that left"), "");
}
TEST(DriverMutantTest, UnusedPermitServesNone) {
  EXPECT_NE(FindPlanted<ReserveCase>("a returned slot serves none"), "");
}

}  // namespace
}  // namespace sluice::core::testing
