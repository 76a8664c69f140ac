// TimerWheel: a worker's timers. A hierarchical timing wheel of 6 levels x 64 slots at 1 ms
// (Varghese & Lauck, "Hashed and hierarchical timing wheels", 1987; the layout is Tokio's).
//
//   level      0       1       2       3        4       5
//   a slot     1 ms    64 ms   4.1 s   4.4 min  4.7 h   12.4 days
//   64 slots   64 ms   4.1 s   4.4 min 4.7 h    12.4 d  2.2 years
//
// A deadline further away than a year fires after a year: its task then looks at the clock.
//
// An entry sits on the lowest level on which its deadline and `now` differ, so it is moved down at
// most five times. One bitmap per level finds the next occupied slot with a rotate and a count.
// Deadlines are rounded up to the next millisecond: a timer never fires early.
//
//   Timer:   IDLE ── Arm ──► LINKED ── Advance ──► FIRED ── OnReady (in the task) ──► IDLE
//              ▲                │ Disarm: true                 ▲
//              └────────────────┘          Disarm: false ──────┘ the event still comes
//
// A timer is armed, LINKED or FIRED, while it names its wheel: no byte beside the pointer tells it.
// It has 48 bits of milliseconds, enough for 8,900 years, so that what the wheel notes of it fits
// into the same word: a word counts in the frame of each task that sleeps.
//
// Invariants
//   I1  A timer is on the list of exactly one slot, and that slot's bit is set, or it is not
//       LINKED.
//   I2  A FIRED timer has been or will be posted to its task exactly once.
//   I3  elapsed_ms_ never goes back.
// Threads: Arm, Advance, NextDeadline: the owning worker. Disarm: any worker (the task may have
// moved): a mutex guards the slots, uncontended in all but that case.
// Checked by: tests/core/sched/timer_wheel_test.cc (against a sorted map).
#ifndef SLUICE_CORE_SCHED_TIMER_WHEEL_H_
#define SLUICE_CORE_SCHED_TIMER_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "core/base/thread_mutex.h"
#include "core/base/time.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"

namespace sluice::core {

class TimerWheel;

// An entry, owned by its user; on loan to the wheel from Arm until Disarm is true or OnReady runs.
class Timer : public Waiter {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // True: taken out, OnReady will not come. False: it was not armed, or OnReady is on its way
  // (armed() tells: it stays true until OnReady). Any worker, inside the task.
  bool Disarm();

  // Inside the task: between Arm and (Disarm == true or OnReady).
  bool armed() const { return wheel_ != nullptr; }

  // Asks for OnReady at once. Inside the task.
  void Cancel() override;

  // Inside the task, while armed: when it is due, to the millisecond above.
  Instant deadline() const {
    return Instant(std::chrono::milliseconds(static_cast<int64_t>(uint64_t{deadline_ms_})));
  }

 protected:
  ~Timer();

  // To be called first by OnReady.
  void Fired() { wheel_ = nullptr; }

 private:
  friend class TimerWheel;
  Runnable* task_ = nullptr;
  TimerWheel* wheel_ = nullptr;  // while it is armed; its task's alone
  Timer* previous_ = nullptr;    // guarded by wheel_->mutex_, as is `next` while linked
  class Milliseconds {
   public:
    Milliseconds& operator=(uint64_t ms) {
      for (int i = 0; i < 3; ++i) parts_[i] = static_cast<uint16_t>(ms >> (16 * i));
      return *this;
    }
    operator uint64_t() const {
      return parts_[0] | uint64_t{parts_[1]} << 16 | uint64_t{parts_[2]} << 32;
    }

   private:
    uint16_t parts_[3] = {};
  };

  Milliseconds deadline_ms_;
  // Guarded by wheel_->mutex_.
  uint8_t level_ : 7 = 0;
  bool linked_ : 1 = false;
  uint8_t slot_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // `timer` fires at or after `deadline` (at the next Advance if that is past): its node is posted
  // to `task`. The timer must not be armed.
  void Arm(Timer& timer, Instant deadline, Runnable& task);

  // Fires everything due at `now`, in order of time. Returns how many.
  int Advance(Instant now);

  // When Advance should next be called; none: no timer is armed. Not earlier than needed by more
  // than one cascade.
  std::optional<Instant> NextDeadline() const;

  // How many timers are armed and have not fired. Walks all of them; any thread.
  size_t CountArmed() const;

 private:
  friend class Timer;
  static constexpr int kLevels = 6;
  static constexpr int kSlots = 64;

  // One slot that is due, on the lowest level that has one.
  struct Expiration {
    int level;
    int slot;
    uint64_t deadline_ms;
  };

  bool NextExpiration(Expiration& next) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Link(Timer& timer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unlink(Timer& timer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeSlot(const Expiration& due, NodeQueue& fired) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable ThreadMutex mutex_;
  uint64_t elapsed_ms_ ABSL_GUARDED_BY(mutex_);
  std::array<uint64_t, kLevels> occupied_ ABSL_GUARDED_BY(mutex_){};
  std::array<std::array<Timer*, kSlots>, kLevels> slots_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_TIMER_WHEEL_H_
