#include "proxy/session/shared_pace.h"

#include <algorithm>
#include <tuple>

namespace sluice::proxy {

bool SharedPace::FirstFirst::operator()(const PaceTurn* one, const PaceTurn* other) const {
  return std::tie(one->start_, one->number_) < std::tie(other->start_, other->number_);
}

// Returns 0 if `turn` has its tokens; a time: it is the head and looks again after that; none: it
// is queued.
std::optional<core::Duration> SharedPace::Join(PaceTurn& turn, core::Instant now) {
  absl::MutexLock lock(&mutex_);
  turn.start_ = std::max(virtual_time_ - std::min(virtual_time_, lag_), turn.share_.finish);
  turn.number_ = ++turns_;
  if (!has_head_) {
    const core::Duration wait = bucket_.TryTake(now, turn.bytes_);
    if (wait == 0s) {
      Grant(turn);
      return 0s;
    }
    turn.is_head_ = has_head_ = true;
    waiting_.store(1, std::memory_order_relaxed);
    return wait;
  }
  turn.queued_ = true;
  queue_.insert(&turn);
  waiting_.store(waiting() + 1, std::memory_order_relaxed);
  return std::nullopt;
}

void SharedPace::Grant(PaceTurn& turn) {
  turn.granted_ = true;
  virtual_time_ = std::max(virtual_time_, turn.start_);
  turn.share_.finish = turn.start_ + turn.bytes_;
}

// Returns 0 if the head has its tokens and another turn is the head now; else the head looks again
// after that time.
core::Duration SharedPace::Serve(PaceTurn& head, core::Instant now) {
  if (const core::Duration wait = bucket_.TryTake(now, head.bytes_); wait > 0s) return wait;
  {
    absl::MutexLock lock(&mutex_);
    Grant(head);
  }
  PassOn(now);
  return 0s;
}

// The head goes: the turns for which there are tokens are granted, the next one becomes the head.
void SharedPace::PassOn(core::Instant now) {
  core::NodeQueue woken;
  {
    absl::MutexLock lock(&mutex_);
    has_head_ = false;
    while (!has_head_ && !queue_.empty()) {
      PaceTurn& next = **queue_.begin();
      queue_.erase(queue_.begin());
      next.queued_ = false;
      if (bucket_.TryTake(now, next.bytes_) == 0s) {
        Grant(next);
      } else {
        next.is_head_ = has_head_ = true;
      }
      woken.Push(next);
    }
    waiting_.store(static_cast<uint32_t>(queue_.size()) + (has_head_ ? 1 : 0),
                   std::memory_order_relaxed);
  }
  while (!woken.empty()) {
    auto& turn = static_cast<PaceTurn&>(*woken.Pop());
    turn.task_->Post(turn);
  }
}

// Returns true if it was queued: it will not be posted.
bool SharedPace::Remove(PaceTurn& turn) {
  absl::MutexLock lock(&mutex_);
  if (!turn.queued_) return false;
  turn.queued_ = false;
  queue_.erase(&turn);
  waiting_.store(waiting() - 1, std::memory_order_relaxed);
  return true;
}

void SharedPace::PaceTurn::OnReady() {
  Fired();
  if (is_head_) {
    const core::Instant now = core::Worker::Current()->clock().Now();
    if (scope_->cancelled()) {
      pace_.PassOn(now);
    } else if (const core::Duration wait = pace_.Serve(*this, now); wait > 0s) {
      Arm(now + wait);
      return;
    }
  }
  waiter_.resume();
}

void SharedPace::PaceTurn::Cancel() {
  if (pace_.Remove(*this)) {
    task_->Post(*this);
  } else if (armed()) {
    Timer::Cancel();
  }
}

}  // namespace sluice::proxy
