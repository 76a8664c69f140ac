#include "core/sched/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace sluice::core {
namespace {

constexpr int kBitsPerLevel = 6;
constexpr uint64_t kMaxMs = (uint64_t{1} << 48) - 1;  // that a timer can note
constexpr uint64_t kMaxDurationMs = (uint64_t{1} << (6 * kBitsPerLevel)) - 1;

uint64_t WholeMs(Instant at) { return static_cast<uint64_t>(at.since_origin() / 1ms); }

// A time before the origin is long past: 0.
uint64_t RoundUpToMs(Instant at) { return at <= Instant() ? 0 : WholeMs(at + (1ms - 1ns)); }

// The lowest level on which the two times are in different slots.
int LevelFor(uint64_t elapsed_ms, uint64_t deadline_ms) {
  const uint64_t differing = std::min((elapsed_ms ^ deadline_ms) | 63, kMaxDurationMs);
  return (std::bit_width(differing) - 1) / kBitsPerLevel;
}

}  // namespace

Timer::~Timer() { SLUICE_DCHECK(!armed()); }

bool Timer::Disarm() {
  if (!armed()) return false;
  ThreadMutexLock lock(&wheel_->mutex_);
  if (!linked_) return false;
  wheel_->Unlink(*this);
  wheel_ = nullptr;
  return true;
}

void Timer::Cancel() {
  TimerWheel* const wheel = wheel_;
  if (!Disarm()) return;
  wheel_ = wheel;  // armed until OnReady
  task_->Post(*this);
}

TimerWheel::TimerWheel(Instant now) : elapsed_ms_(WholeMs(now)) {}

void TimerWheel::Arm(Timer& timer, Instant deadline, Runnable& task) {
  SLUICE_DCHECK(!timer.armed());
  ThreadMutexLock lock(&mutex_);
  timer.task_ = &task;
  timer.wheel_ = this;
  timer.deadline_ms_ =
      std::clamp(RoundUpToMs(deadline), elapsed_ms_ + 1, elapsed_ms_ + kMaxDurationMs / 2);
  SLUICE_DCHECK(timer.deadline_ms_ <= kMaxMs);
  Link(timer);
}

void TimerWheel::Link(Timer& timer) {
  const int level = LevelFor(elapsed_ms_, timer.deadline_ms_);
  const int slot = static_cast<int>((timer.deadline_ms_ >> (level * kBitsPerLevel)) % kSlots);
  timer.level_ = static_cast<uint8_t>(level);
  timer.slot_ = static_cast<uint8_t>(slot);
  Timer*& first = slots_[level][slot];
  timer.previous_ = nullptr;
  timer.next = first;
  if (first != nullptr) first->previous_ = &timer;
  first = &timer;
  occupied_[level] |= uint64_t{1} << slot;
  timer.linked_ = true;
}

void TimerWheel::Unlink(Timer& timer) {
  Timer* next = static_cast<Timer*>(timer.next);
  if (next != nullptr) next->previous_ = timer.previous_;
  if (timer.previous_ != nullptr) {
    timer.previous_->next = next;
  } else {
    slots_[timer.level_][timer.slot_] = next;
    if (next == nullptr) occupied_[timer.level_] &= ~(uint64_t{1} << timer.slot_);
  }
  timer.next = nullptr;
  timer.linked_ = false;
}

bool TimerWheel::NextExpiration(Expiration& next) const {
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int shift = level * kBitsPerLevel;
    const int now_slot = static_cast<int>((elapsed_ms_ >> shift) % kSlots);
    const int ahead = std::countr_zero(std::rotr(occupied_[level], now_slot));
    const uint64_t level_start = elapsed_ms_ >> (shift + kBitsPerLevel) << (shift + kBitsPerLevel);
    next.level = level;
    next.slot = (now_slot + ahead) % kSlots;
    next.deadline_ms = level_start + (static_cast<uint64_t>(next.slot) << shift);
    // Only the top level wraps round: its slots behind `now` are a whole turn away.
    if (next.deadline_ms <= elapsed_ms_ && next.slot != now_slot) {
      next.deadline_ms += uint64_t{kSlots} << shift;
    }
    return true;
  }
  return false;
}

// Empties the slot: timers that are due go to `fired`, the others move down.
void TimerWheel::TakeSlot(const Expiration& due, NodeQueue& fired) {
  Timer* timer = slots_[due.level][due.slot];
  slots_[due.level][due.slot] = nullptr;
  occupied_[due.level] &= ~(uint64_t{1} << due.slot);
  while (timer != nullptr) {
    Timer* next = static_cast<Timer*>(timer->next);
    if (timer->deadline_ms_ <= elapsed_ms_) {
      timer->linked_ = false;
      fired.Push(*timer);
    } else {
      Link(*timer);
    }
    timer = next;
  }
}

int TimerWheel::Advance(Instant now) {
  const uint64_t now_ms = WholeMs(now);
  NodeQueue fired;  // in order of time
  {
    ThreadMutexLock lock(&mutex_);
    Expiration due;
    while (NextExpiration(due) && due.deadline_ms <= now_ms) {
      elapsed_ms_ = std::max(elapsed_ms_, due.deadline_ms);
      TakeSlot(due, fired);
    }
    elapsed_ms_ = std::max(elapsed_ms_, now_ms);
  }
  int count = 0;
  for (; !fired.empty(); ++count) {
    Timer* timer = static_cast<Timer*>(fired.Pop());
    timer->task_->Post(*timer);  // from now on it may be armed again elsewhere
  }
  return count;
}

std::optional<Instant> TimerWheel::NextDeadline() const {
  ThreadMutexLock lock(&mutex_);
  Expiration next;
  if (!NextExpiration(next)) return std::nullopt;
  return Instant(std::chrono::milliseconds(static_cast<int64_t>(next.deadline_ms)));
}

size_t TimerWheel::CountArmed() const {
  ThreadMutexLock lock(&mutex_);
  size_t count = 0;
  for (const auto& level : slots_) {
    for (const Timer* timer : level) {
      for (; timer != nullptr; timer = static_cast<const Timer*>(timer->next)) ++count;
    }
  }
  return count;
}

}  // namespace sluice::core
