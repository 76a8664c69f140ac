// TaskWatch: each slow run is told or counted as one that was not, also when workers are late.
#include "core/runtime/task_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "core/base/clock.h"
#include "core/runtime/task_record.h"
#include "core/sched/shared.h"

namespace sluice::core {
namespace {

// Holds a thread that asks, while it has been told to.
class HoldingClock final : public Clock {
 public:
  Instant Now() const override {
    if (holds_me) {
      is_held.Notify();
      may_go.WaitForNotification();
    }
    return Instant(Duration(now_.load()));
  }
  void Advance(Duration by) { now_ += by.count(); }

  static inline thread_local bool holds_me = false;
  mutable absl::Notification is_held;
  absl::Notification may_go;

 private:
  std::atomic<int64_t> now_{Duration(1000s).count()};
};

// One worker counts its slow run and is held before it looks at the clock, for longer than those
// that tell of theirs are apart.
TEST(TaskWatchTest, OneThatIsLateTellsOfNoFewerThanNone) {
  HoldingClock clock;
  Shared shared(1);
  std::vector<uint64_t> told;
  TaskWatch watch({.tasks = true,
                   .slow_poll = 5ms,
                   .on_slow_poll = [&](const SlowPoll& poll) { told.push_back(poll.untold); }},
                  shared, 2, clock);
  TaskRecord record(watch, shared);
  std::thread late([&] {
    HoldingClock::holds_me = true;
    watch.NotePoll(record, 10ms, 1);
  });
  clock.is_held.WaitForNotification();
  watch.NotePoll(record, 10ms, 0);
  watch.NotePoll(record, 10ms, 0);  // at the same time: it is not told
  clock.Advance(2s);
  clock.may_go.Notify();
  late.join();
  EXPECT_EQ(told, (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(watch.slow_polls(), 3u);
  watch.NotePoll(record, 4ms, 0);
  EXPECT_EQ(watch.slow_polls(), 3u);
}

}  // namespace
}  // namespace sluice::core
