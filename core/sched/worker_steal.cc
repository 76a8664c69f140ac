// The part of a Worker that shares work with the others: see StealPolicy.
#include <algorithm>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/counter.h"
#include "core/sched/worker.h"

namespace sluice::core {

// The first that a task spawns before it gives way is what this worker runs next, or soon; for a
// second one another worker is woken, and for what has piled up here. The push comes before
// NotifyOne's fence, which meets BeginPark's: a worker that is about to sleep sees the task, or is
// woken. Each task needs the fence, also behind others: these may have been taken by then.
void Worker::ScheduleNew(Runnable& task) {
  if (!eager() || shared_.workers_.size() == 1) return ScheduleLast(task);
  new_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
  due_ |= kNewDue;
  const bool second = std::exchange(spawned_in_, tick_) == tick_;
  if (second || new_.SizeHint() >= 2) shared_.NotifyOne();
}

// Every other time, so that neither new tasks nor those that have run keep the others waiting; and
// whenever nothing else is queued here.
Runnable* Worker::NextNew() {
  new_turn_ = !new_turn_;
  if (!new_turn_ && (lifo_ != nullptr || queue_.SizeHint() != 0)) return nullptr;
  Runnable* task = new_.Pop();
  if (task == nullptr) due_ &= static_cast<uint8_t>(~kNewDue);
  return task;
}

// Whether what waits at `victim` will have waited too long before it gets there.
bool Worker::Overdue(const Worker& victim) const {
  if (&victim == this || !victim.HasBacklog()) return false;
  const Duration unseen = now_ - victim.turned_.load(std::memory_order_relaxed);
  const Duration work =
      static_cast<int64_t>(victim.queued()) * victim.task_time_.load(std::memory_order_relaxed);
  return unseen + work >= kOverdue;
}

bool Worker::OverdueElsewhere() const {
  return options_.stealing && std::any_of(shared_.workers_.begin(), shared_.workers_.end(),
                                          [this](const auto& other) { return Overdue(*other); });
}

bool Worker::NewElsewhere() const {
  return eager() && std::any_of(shared_.workers_.begin(), shared_.workers_.end(),
                                [this](const auto& other) { return HasNew(*other); });
}

Runnable* Worker::Steal() {
  if (!options_.stealing) return NextShared();
  const size_t count = shared_.workers_.size();
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const size_t start = random_ % count;
  for (size_t i = 0; i < count; ++i) {
    Worker& victim = *shared_.workers_[(start + i) % count];
    Runnable* task = StealNew(victim);
    if (task == nullptr && Overdue(victim)) task = StealFrom(victim);
    if (task != nullptr) {
      Count(counters_.steals);
      Count(counters_.stolen, queued() + new_.SizeHint() + 1);
      return task;
    }
  }
  return NextShared();
}

// Half of its new tasks: from now on they are new here.
Runnable* Worker::StealNew(Worker& victim) {
  if (!HasNew(victim)) return nullptr;
  Runnable* task = victim.new_.StealInto(new_);
  if (new_.SizeHint() != 0) due_ |= kNewDue;
  return task;
}

// Half of its light tasks; when there are none, half of the heavy ones.
Runnable* Worker::StealFrom(Worker& victim) {
  if (Runnable* task = victim.queue_.StealInto(queue_)) return task;
  size_t more = victim.heavy_.size() / 2;
  Runnable* first = victim.heavy_.Pop();
  for (; first != nullptr && more > 0; --more) {
    Runnable* task = victim.heavy_.Pop();
    if (task == nullptr) break;
    heavy_.Push(*task);
  }
  return first;
}

// Looks for work at the others, unless half of the workers do already.
Runnable* Worker::Search() {
  if ((looking_ & kSearching) == 0) {
    if (!shared_.idle_.TryStartSearching()) return nullptr;
    looking_ |= kSearching;
  }
  return Steal();
}

// The last searcher has found something: there may be more, also in what it has taken. And what was
// left to it, or to this worker as one that watches, is left to another one now: the fence
// (StopSearching has its own) meets WakeForBacklog's. The one that is woken watches then, so that
// this happens once a backlog.
void Worker::PassOnSearch() {
  const uint8_t looked = std::exchange(looking_, 0);
  const bool watched = (looked & kWatched) != 0;
  bool last = false;
  if ((looked & kSearching) != 0) {
    last = shared_.idle_.StopSearching();
  } else {
    AtomicFence(std::memory_order_seq_cst);
  }
  const bool more = last && (SharedWork() || OverdueElsewhere() || NewElsewhere() || OwnNew());
  if (more || ((last || watched) && UnwatchedBacklog())) shared_.NotifyOne();
}

bool Worker::UnwatchedBacklog() const {
  return options_.stealing && shared_.watchers_.load(std::memory_order_relaxed) == 0 &&
         std::any_of(shared_.workers_.begin(), shared_.workers_.end(), [this](const auto& other) {
           return other.get() != this && other->queued() >= kWakeBacklog;
         });
}

// The fence is for the task that makes it a backlog: behind it a worker that is about to sleep sees
// kStealBacklog of it, and then looks again within kOverdue, or is found asleep. So one that is
// counted as watching watches this backlog, or has not looked yet; without the fence it might have
// watched the one before, and sleep by now. More tasks, as most schedules under load are, need no
// fence: to see fewer than kStealBacklog of them a worker would have to miss the last dozen pushes.
void Worker::WakeForBacklog(size_t backlog) {
  if (backlog > kWakeBacklog && !shared_.idle_.AnyParked()) return;
  bool watched = shared_.watchers_.load(std::memory_order_relaxed) > 0;
  if (watched && backlog == kWakeBacklog) {  // NotifyOne has a fence of its own
    AtomicFence(std::memory_order_seq_cst);
    watched = shared_.watchers_.load(std::memory_order_relaxed) > 0;
  }
  if (!options_.stealing) watched = true;
  if (!watched || !shared_.inject_.empty()) shared_.NotifyOne();
}

}  // namespace sluice::core
