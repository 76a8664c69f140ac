// TimerWheel: against a sorted map over years, its edges, and Disarm from another thread.

#include "core/sched/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "tests/core/support/fake_task.h"
#include "tests/core/support/seed.h"

namespace sluice::core::testing {
namespace {

constexpr Duration kDay = 24h;

class RecordingTimer final : public Timer {
 public:
  void OnReady() override {
    Fired();
    ++fired;
    if (order != nullptr) order->push_back(deadline);
  }
  Instant deadline;
  int fired = 0;
  std::vector<Instant>* order = nullptr;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  void ArmAt(TimerWheel& wheel, RecordingTimer& timer, Instant deadline) {
    timer.deadline = deadline;
    timer.order = &order_;
    wheel.Arm(timer, deadline, task_);
  }
  int AdvanceTo(TimerWheel& wheel, Instant now) {
    const int count = wheel.Advance(now);
    scheduler_.RunAll();
    return count;
  }

  ManualScheduler scheduler_;
  FakeTask task_{scheduler_};
  std::vector<Instant> order_;
};

TEST_F(TimerWheelTest, NothingArmed) {
  TimerWheel wheel(Instant(1s));
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
  EXPECT_EQ(AdvanceTo(wheel, Instant(400 * kDay)), 0);
}

TEST_F(TimerWheelTest, RoundsUpToAMillisecond) {
  TimerWheel wheel{Instant()};
  RecordingTimer timer;
  ArmAt(wheel, timer, Instant(5ms + 1ns));
  EXPECT_EQ(wheel.NextDeadline(), Instant(6ms));
  EXPECT_EQ(AdvanceTo(wheel, Instant(6ms - 1ns)), 0);
  EXPECT_TRUE(timer.armed());
  EXPECT_EQ(AdvanceTo(wheel, Instant(6ms)), 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(TimerWheelTest, ADeadlineInThePastIsDueAtOnce) {
  TimerWheel wheel(Instant(1s));
  RecordingTimer timer;
  ArmAt(wheel, timer, Instant(-5ns));
  EXPECT_EQ(AdvanceTo(wheel, Instant(1s + 1ms)), 1);
}

TEST_F(TimerWheelTest, DisarmAndArmAgain) {
  TimerWheel wheel{Instant()};
  RecordingTimer one;
  RecordingTimer two;
  EXPECT_FALSE(one.Disarm());
  ArmAt(wheel, one, Instant(10ms));
  ArmAt(wheel, two, Instant(10ms));
  EXPECT_TRUE(one.Disarm());
  EXPECT_FALSE(one.Disarm());
  EXPECT_EQ(wheel.NextDeadline(), Instant(10ms));
  EXPECT_TRUE(two.Disarm());
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);  // the slot's bit is gone, too
  ArmAt(wheel, one, Instant(20ms));
  EXPECT_EQ(AdvanceTo(wheel, Instant(1s)), 1);
  EXPECT_EQ(one.fired, 1);
  EXPECT_EQ(two.fired, 0);
}

TEST_F(TimerWheelTest, CancelBringsTheEventNow) {
  TimerWheel wheel{Instant()};
  RecordingTimer timer;
  ArmAt(wheel, timer, Instant(kDay));
  timer.Cancel();
  EXPECT_TRUE(timer.armed());
  timer.Cancel();  // already on its way
  EXPECT_FALSE(timer.Disarm());
  scheduler_.RunAll();
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
}

TEST_F(TimerWheelTest, DisarmAfterItFiredIsTooLate) {
  TimerWheel wheel{Instant()};
  RecordingTimer timer;
  ArmAt(wheel, timer, Instant(1ms));
  EXPECT_EQ(wheel.Advance(Instant(1s)), 1);  // posted, not run
  EXPECT_FALSE(timer.Disarm());
  EXPECT_TRUE(timer.armed());
  scheduler_.RunAll();
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(TimerWheelTest, ALateAdvanceFiresInOrderOfTime) {
  TimerWheel wheel{Instant()};
  std::deque<RecordingTimer> timers(500);
  for (size_t i = 0; i < timers.size(); ++i) {
    ArmAt(wheel, timers[i], Instant(static_cast<int64_t>((i * 7919) % 500 + 1) * 1ms));
  }
  EXPECT_EQ(AdvanceTo(wheel, Instant(1s)), 500);
  EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end()));
}

TEST_F(TimerWheelTest, FurtherAwayThanAYearFiresAfterAboutAYear) {
  TimerWheel wheel{Instant()};
  RecordingTimer timer;
  ArmAt(wheel, timer, Instant(4000 * kDay));
  EXPECT_EQ(AdvanceTo(wheel, Instant(365 * kDay)), 0);
  EXPECT_EQ(AdvanceTo(wheel, Instant(400 * kDay)), 1);
}

// Random arms, disarms and advances, beside a map that is surely right.
class Model {
 public:
  Model(uint64_t seed, Instant start)
      : random_(seed), now_(start), wheel_(start), timers_(kTimers) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (Between(random_, 0, 3)) {
        case 0:
        case 1:
          ToggleOne();
          break;
        case 2:
          Advance(Span());
          break;
        default:
          Sleep();
      }
      if (::testing::Test::HasFailure()) return;
    }
    while (!armed_.empty() && !::testing::Test::HasFailure()) Sleep();
    EXPECT_EQ(wheel_.NextDeadline(), std::nullopt);
  }

 private:
  static constexpr size_t kTimers = 200;

  // A length of time, up to half a year, of any order of magnitude.
  Duration Span() { return Duration(random_() >> Between(random_, 10, 63)); }

  static Instant RoundUp(Instant at) {
    return Instant(std::chrono::ceil<std::chrono::milliseconds>(at.since_origin()));
  }

  void ToggleOne() {
    RecordingTimer& timer = timers_[Between(random_, 0, kTimers - 1)];
    if (timer.armed()) {
      EXPECT_TRUE(timer.Disarm());
      EXPECT_TRUE(Forget(timer));
      return;
    }
    timer.deadline = now_ + 1ns + Span();
    wheel_.Arm(timer, timer.deadline, task_);
    armed_.emplace(timer.deadline, &timer);
  }

  bool Forget(RecordingTimer& timer) {
    const auto [begin, end] = armed_.equal_range(timer.deadline);
    for (auto it = begin; it != end; ++it) {
      if (it->second != &timer) continue;
      armed_.erase(it);
      return true;
    }
    return false;
  }

  void Advance(Duration span) {
    now_ += span;
    std::vector<Instant> order;
    for (RecordingTimer& timer : timers_) timer.order = &order;
    const int count = wheel_.Advance(now_);
    scheduler_.RunAll();
    EXPECT_EQ(static_cast<size_t>(count), order.size());
    for (RecordingTimer& timer : timers_) {
      if (timer.fired == 0) continue;
      EXPECT_EQ(timer.fired, 1);
      timer.fired = 0;
      EXPECT_LE(timer.deadline, now_) << "early";
      EXPECT_TRUE(Forget(timer)) << "fired without being armed";
    }
    if (!armed_.empty()) EXPECT_GT(armed_.begin()->first, now_ - 1ms) << "late";
    for (size_t i = 1; i < order.size(); ++i) {
      EXPECT_LE(order[i - 1], order[i] + 1ms) << "out of order";
    }
  }

  // What a worker does: waits until the next deadline.
  void Sleep() {
    const std::optional<Instant> next = wheel_.NextDeadline();
    if (armed_.empty()) {
      EXPECT_EQ(next, std::nullopt);
      return;
    }
    ASSERT_TRUE(next.has_value());
    const Instant earliest = armed_.begin()->first;
    EXPECT_LE(*next, std::max(RoundUp(earliest), RoundUp(now_ + 1ns))) << "sleeps too long";
    const size_t before = armed_.size();
    int turns = 0;
    while (armed_.size() == before && turns < 8) {
      Advance(std::max(wheel_.NextDeadline().value_or(now_) - now_, Duration::zero()));
      ++turns;
    }
    EXPECT_LE(turns, 6) << "one cascade per level at most";
  }

  Random random_;
  Instant now_;
  ManualScheduler scheduler_;
  FakeTask task_{scheduler_};
  TimerWheel wheel_;
  std::deque<RecordingTimer> timers_;
  std::multimap<Instant, RecordingTimer*> armed_;
};

TEST_F(TimerWheelTest, AgreesWithASortedMapOverYears) {
  const uint64_t seed = Seed();
  for (uint64_t i = 0; i < 20 && !HasFailure(); ++i) {
    SCOPED_TRACE(::testing::Message() << "round " << i);
    Random random(seed + i);
    Model(seed + i, Instant(Duration(random() >> Between(random, 3, 60)))).Run(3000);
  }
}

TEST_F(TimerWheelTest, AgreesWhereTheTopLevelWrapsRound) {
  const uint64_t seed = Seed();
  const Instant turn((int64_t{1} << 36) * 1ms);
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    SCOPED_TRACE(::testing::Message() << "round " << i);
    Model(seed + i, turn - (int64_t{1} << (25 + i)) * 1us).Run(1000);
  }
}

// Timers armed and fired by the wheel's thread and disarmed by another one: each Arm ends with
// exactly one of Disarm == true and OnReady.
class DisarmStress {
 public:
  void Run() {
    std::thread disarmer([this] { Disarm(); });
    // On a busy machine one of the two outcomes may be rare: until both have been seen.
    for (Instant now; rounds_.load(std::memory_order_relaxed) < kRounds ||
                      disarmed_.load(std::memory_order_relaxed) == 0 ||
                      fired_.load(std::memory_order_relaxed) == 0;) {
      for (Guest& guest : guests_) {
        if (guest.state.load(std::memory_order_acquire) != kHere) continue;
        wheel_.Arm(guest.timer, now + (1 + guest.rounds++ % 50) * 1ms, guest.task);
        guest.state.store(kAway, std::memory_order_release);
      }
      now += 1ms;
      wheel_.Advance(now);
    }
    stop_.store(true, std::memory_order_relaxed);
    disarmer.join();
    EXPECT_EQ(wheel_.NextDeadline(), std::nullopt);
  }

 private:
  static constexpr int kRounds = 20000;
  enum State { kHere, kAway };

  struct Guest {
    Guest() = default;
    ManualScheduler scheduler;
    FakeTask task{scheduler};
    RecordingTimer timer;
    int rounds = 0;  // the wheel's thread's
    std::atomic<int> state{kHere};
  };

  void Disarm() {
    bool stopping = false;
    while (!stopping) {
      stopping = stop_.load(std::memory_order_relaxed);  // after that once more
      for (Guest& guest : guests_) {
        if (guest.state.load(std::memory_order_acquire) != kAway) continue;
        if (guest.timer.Disarm()) {
          ++disarmed_;
          EXPECT_EQ(guest.timer.fired, 0);
        } else {
          while (guest.timer.armed()) guest.scheduler.RunAll();
          EXPECT_EQ(guest.timer.fired, 1);
          guest.timer.fired = 0;
          ++fired_;
        }
        rounds_.fetch_add(1, std::memory_order_relaxed);
        guest.state.store(kHere, std::memory_order_release);
      }
    }
  }

  TimerWheel wheel_{Instant()};
  std::deque<Guest> guests_ = std::deque<Guest>(16);
  std::atomic<int> rounds_{0};
  std::atomic<bool> stop_{false};
  std::atomic<int> disarmed_{0};
  std::atomic<int> fired_{0};
};

TEST_F(TimerWheelTest, DisarmFromAnotherThread) { DisarmStress().Run(); }

}  // namespace
}  // namespace sluice::core::testing
