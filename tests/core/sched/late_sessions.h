// Sessions whose timers are due while what would stop them has come: for tests of late timers.
#ifndef SLUICE_TESTS_CORE_SCHED_LATE_SESSIONS_H_
#define SLUICE_TESTS_CORE_SCHED_LATE_SESSIONS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "core/base/clock.h"
#include "core/sched/worker.h"
#include "tests/core/sched/stepped.h"

namespace sluice::core::testing {

// Sessions whose timer is due in 2 s. Their event stops it.
class Sessions {
 public:
  explicit Sessions(size_t count) : timers_(count) {}

  // What the job of session `index` does; its timer is in the wheel of `worker`.
  std::function<void(Job&)> Work(size_t index, Worker& worker, const Clock& clock) {
    return [&timer = timers_[index], &worker, &clock](Job& job) {
      timer.Disarm();
      if (job.runs == 1) worker.wheel().Arm(timer, clock.Now() + 2s, job);
    };
  }
  // What came during a pause is told in several turns, at most `each` in one. `jobs` begins with
  // theirs.
  std::function<uint64_t(uint32_t)> Events(std::deque<Job>& jobs, uint32_t each) {
    return [this, &jobs, each](uint32_t limit) {
      uint64_t came = 0;
      for (; came < std::min(each, limit) && delivered_ < count(); ++came) {
        jobs[delivered_++].WakeUp();
      }
      return came;
    };
  }
  size_t count() const { return timers_.size(); }
  bool all_delivered() const { return delivered_ == count(); }
  int fired() const {
    int count = 0;
    for (const JobTimer& timer : timers_) count += timer.fired;
    return count;
  }

 private:
  std::deque<JobTimer> timers_;
  size_t delivered_ = 0;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SCHED_LATE_SESSIONS_H_
