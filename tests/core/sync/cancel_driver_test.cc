// The driver of cancellations: it passes what is right, and finds what loses, doubles or forgets.
#include "tests/core/support/cancel_driver.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <string>

#include "absl/synchronization/mutex.h"
#include "core/sync/wait_list.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

// As in the driver's header.
struct SlotCase {
  Slots slots{0};
  Task<bool> Wait(int) { co_return co_await slots.Take(); }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    if (run.got + left != run.given) return "a slot was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }
};

TEST(CancelDriverTest, PassesWhatLosesNothing) { EXPECT_EQ(FindBadOrder<SlotCase>(), ""); }

enum class Mistake : uint8_t { kNone, kLosesLateGrants, kDoublesLateGrants, kIgnoresCancelled };

// Slots with a mistake in the awaiter.
class BadSlots {
 public:
  explicit BadSlots(Mistake mistake) : mistake_(mistake) {}

  class Awaiter final : public WaitAwaiter {
   public:
    explicit Awaiter(BadSlots& slots) : slots_(slots) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      if (slots_.mistake_ == Mistake::kIgnoresCancelled && slots_.TryTake()) return false;
      return Suspend(handle, [this] { return slots_.Queue(*this); });
    }
    void Cancel() override {
      cancelled_ = true;
      WaitAwaiter::Cancel();
    }
    bool await_resume() {
      Resumed();
      if (!granted_ || !cancelled_) return granted_;
      if (slots_.mistake_ == Mistake::kDoublesLateGrants) slots_.Give();
      return slots_.mistake_ != Mistake::kLosesLateGrants;
    }
    bool granted_ = false;

   private:
    BadSlots& slots_;
    bool cancelled_ = false;
  };

  Awaiter Take() { return Awaiter(*this); }
  bool TryTake() {
    absl::MutexLock lock(&mutex_);
    if (free_ == 0) return false;
    --free_;
    return true;
  }
  void Give() {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    if (waiters_.empty()) {
      ++free_;
      return;
    }
    Awaiter& next = *waiters_.Pop();
    next.granted_ = true;
    woken.Add(next);
  }

 private:
  bool Queue(Awaiter& waiter) {
    absl::MutexLock lock(&mutex_);
    waiter.granted_ = free_ > 0;
    if (waiter.granted_) {
      --free_;
    } else {
      waiters_.Push(waiter);
    }
    return !waiter.granted_;
  }

  const Mistake mistake_;
  absl::Mutex mutex_;
  int free_ = 0;
  WaitList<Awaiter> waiters_{mutex_};
};

struct BadCase {
  explicit BadCase(Mistake mistake) : slots(mistake) {}

  BadSlots slots;
  Task<bool> Wait(int wait) {
    const Context context = co_await CurrentContext();
    began_cancelled[wait] = context.scope->cancelled();
    co_return co_await slots.Take();
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    for (int i = 0; i < 2; ++i) {
      if (run.has_got[i] && began_cancelled[i]) return "a cancelled wait took something";
    }
    return run.got + left == run.given ? "" : "a slot was lost or doubled";
  }
  std::array<bool, 2> began_cancelled{};
};

std::string FindBad(Mistake mistake) {
  return FindBadOrder([mistake] { return std::make_unique<BadCase>(mistake); });
}

TEST(CancelDriverTest, FindsWhatIsLostDoubledOrTakenTooLate) {
  EXPECT_EQ(FindBad(Mistake::kNone), "");
  EXPECT_NE(FindBad(Mistake::kLosesLateGrants), "");
  EXPECT_NE(FindBad(Mistake::kDoublesLateGrants), "");
  EXPECT_NE(FindBad(Mistake::kIgnoresCancelled), "");
}

// Waits that end only by their cancellation: nothing is lost, but one waits for what is there.
struct ForgetfulCase {
  Task<bool> Wait(int) { co_return co_await slots.Take(); }
  void Grant(int) { ++given; }
  std::string Check(const CancelRun& run) {
    return run.waiting > 0 && given > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
  int given = 0;
};
TEST(CancelDriverTest, FindsWhatIsNotWoken) {
  EXPECT_NE(FindBadOrder<ForgetfulCase>().find("one waits though"), std::string::npos);
}

// Waits that take no notice of their cancellation.
struct DeafCase {
  class Awaiter final : public WaitAwaiter {
   public:
    explicit Awaiter(DeafCase& deaf) : deaf_(deaf) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] {
        absl::MutexLock lock(&deaf_.mutex);
        deaf_.waiters.Push(*this);
        return true;
      });
    }
    void Cancel() override {}
    bool await_resume() {
      Resumed();
      return true;
    }

   private:
    DeafCase& deaf_;
  };

  Task<bool> Wait(int) { co_return co_await Awaiter(*this); }
  void Grant(int) {}
  std::string Check(const CancelRun&) { return ""; }

  absl::Mutex mutex;
  WaitList<Awaiter> waiters{mutex};
};

TEST(CancelDriverTest, FindsWhatDoesNotEnd) {
  EXPECT_NE(FindBadOrder<DeafCase>().find("a cancelled wait does not end"), std::string::npos);
}

}  // namespace
}  // namespace sluice::core::testing
