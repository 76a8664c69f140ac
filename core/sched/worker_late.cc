// The part of a Worker that keeps timers back which are late: see worker.h.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/sched/worker.h"

namespace sluice::core {

// Late, or catching up. `all_run`: before the turn its queue had no task left to run but heavy
// ones, whose events are in their inboxes, before any timer. The other queues are looked at behind
// the turn (where it brought nothing, what they hold was there before) and behind the others'
// words: what one of them did last before it settled may wait in the mailbox.
bool Worker::TimersMayFire(Duration gap, Duration late, bool all_run) {
  const uint64_t reaped = reactor_->counters().completions.load(std::memory_order_relaxed);
  const bool nothing_came = std::exchange(reaped_, reaped) == reaped;
  const std::optional<Instant> due = wheel_.NextDeadline();
  if (!due.has_value() || *due > now_) {
    hold_ = 0ns;
    return true;
  }
  const bool begins = hold_ == 0ns;
  if (begins || late >= kLate) AskOthers();
  if (begins) {
    held_from_ = now_;
    hold_ = kMinHold + std::min(late, kMaxHold);
    return false;
  }
  const bool all_seen = nothing_came && all_run && late < kLate && OthersHaveSettled();
  if (all_seen && new_.SizeHint() == 0 && !SharedWork()) {
    hold_ = 0ns;
    return true;
  }
  const Duration held = gap > 0ns ? std::min(gap, kLate) : kLeastHeld;
  hold_ = std::max(hold_ - held, Duration::zero());
  if (hold_ > 0ns) return false;
  gave_up_ = held_from_;
  return true;
}

// Those that sleep would say nothing, and one that is between two runs of its loop finds the wake
// when it goes on. One that has not begun has nothing to tell.
void Worker::AskOthers() {
  late_at_ = now_;
  for (const auto& other : shared_.workers_) {
    const bool away = other->settled_.load(std::memory_order_acquire) == kAway;
    if (other.get() != this && !away) other->Wake();
  }
}

// The acquire: what they have posted comes before what a timer posts.
bool Worker::OthersHaveSettled() const {
  return std::all_of(shared_.workers_.begin(), shared_.workers_.end(), [this](const auto& other) {
    return other.get() == this || other->settled_.load(std::memory_order_acquire) >= late_at_ ||
           other->turned_.load(std::memory_order_relaxed) < gave_up_;
  });
}

}  // namespace sluice::core
