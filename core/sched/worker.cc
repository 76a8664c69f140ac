#include "core/sched/worker.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/task/frame_cache.h"

namespace sluice::core {
namespace {

thread_local Worker* current_worker = nullptr;

}  // namespace

// Out of line, so that no caller can keep the address of the thread_local across a suspension.
[[gnu::noinline]] Worker* Worker::Current() { return current_worker; }

void Worker::Enter() {
  current_worker = this;
  Reactor::SetCurrent(reactor_.get(), &memory_.pool());
  FrameCache::SetCurrent(&memory_.frames());
}
void Worker::LeaveCurrent() {
  current_worker = nullptr;
  Reactor::SetCurrent(nullptr, nullptr);
  FrameCache::SetCurrent(nullptr);
}

void Shared::Schedule(Runnable& runnable) {
  Worker* worker = Worker::Current();
  if (worker != nullptr && &worker->shared() == this) {
    worker->Schedule(runnable);
    return;
  }
  inject_.Push(runnable);
  NotifyOne();
}

Worker::Worker(Shared& shared, uint32_t index, const Clock& clock, const WorkerOptions& options)
    : shared_(shared),
      index_(index),
      clock_(clock),
      options_(options),
      random_(options.seed * 0x9E3779B97F4A7C15u + index + 1),
      now_(clock.Now()),
      wheel_(now_),
      turned_(now_),
      shuffle_(options.shuffle_seed == 0
                   ? nullptr
                   : std::make_unique<Shuffle>(options.shuffle_seed + index)) {
  FrameDepot& depot = shared.frame_depot_;
  memory_.frames().Configure(FrameCache::MostFor(options.spare_frames),
                             depot.most_chains() == 0 ? nullptr : &depot);
  if (shuffle_ != nullptr) due_ = kShuffled;
}

Worker::~Worker() = default;

absl::Status Worker::Start(const ReactorFactory& make_reactor) {
  absl::Status status = memory_.ReserveBuffers(options_, [this] { Wake(); });
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = make_reactor(memory_.pool());
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  if (options_.make_heap != nullptr) memory_.set_heap(options_.make_heap());
  return absl::OkStatus();
}

void Worker::Abandon() {
  memory_.set_heap(nullptr);
  reactor_.reset();
}

void Worker::Run() {
  RunLoop([] { return false; });
}
void Worker::RunUntil(const Atomic<bool>& done) {
  RunLoop([&done] { return done.load(std::memory_order_acquire); });
}

template <typename Done>
void Worker::RunLoop(Done done) {
  Enter();
  // Where it goes on it has not seen what came with the last turn of the run before.
  if (settled_.load(std::memory_order_relaxed) == kAway) {
    settled_.store(now_, std::memory_order_release);
  }
  while (!done()) {
    ++tick_;
    if (RoundIsOver()) EndRound();
    if (Runnable* task = NextTask()) {
      RunTask(*task);
    } else if (shared_.stopping()) {
      break;
    } else {
      Park();
    }
  }
  TurnReactor(0ns);  // hands over what is queued for the kernel, such as a last close
  if (looking_ != 0) PassOnSearch();
  // Where it goes on later it has not seen what comes meanwhile: the others wait for it.
  if (!done()) settled_.store(kAway, std::memory_order_release);
  LeaveCurrent();
}

bool Worker::Step() {
  ++tick_;
  if (RoundIsOver()) EndRound();
  Runnable* task = NextTask();
  if (task == nullptr) {
    do {
      task = TurnAndLook();
    } while (task == nullptr && hold_ > 0ns && OthersHaveSettled());
  }
  if (task == nullptr) return false;
  RunTask(*task);
  return true;
}

void Worker::RunTask(Runnable& task) {
  if (looking_ != 0) [[unlikely]]
    PassOnSearch();
  Count(counters_.tasks);
  ++tasks_since_turn_;
  running_ = &task;
  int32_t copied = 0;
  const Runnable::Outcome outcome = Run(task, copied);
  running_ = nullptr;
  work_ += kWorkPerTask + copied;
  if (outcome >= Runnable::Outcome::kYield) [[unlikely]] {  // there is more to do
    if (outcome == Runnable::Outcome::kYield) {
      work_ = kWorkPerRound;
      Count(counters_.budget_yields);
    }
    PutBack(task);
  }
}

bool Worker::RoundIsOver() const {
  return work_ >= kWorkPerRound ||
         ((tick_ & between_looks_) == 0 && clock_.Now() - now_ >= kRoundTime);
}

void Worker::EndRound() {
  const bool heavy_ran = heavy_ran_;
  TurnReactor(0ns);
  due_ = static_cast<uint8_t>((due_ & ~kHeavyDue) | (heavy_ran ? 0 : kHeavyDue));
}

Runnable* Worker::NextTask() {
  if (due_ != 0) {
    if ((due_ & kShuffled) != 0) [[unlikely]]
      return NextShuffled();
    const bool heavy_due = (due_ & kHeavyDue) != 0;
    due_ &= static_cast<uint8_t>(~kHeavyDue);
    if (heavy_due) {
      if (Runnable* task = NextHeavy()) return task;
    }
    if (due_ != 0) {
      if (Runnable* task = NextNew()) return task;
    }
  }
  if (--until_shared_ == 0) {
    until_shared_ = shared_interval_;
    if (Runnable* task = NextShared()) return task;
  }
  if (Runnable* task = NextLocal()) return task;
  if (Runnable* task = NextShared()) return task;
  if (Runnable* task = NextHeavy()) return task;
  return std::exchange(lifo_, nullptr);
}

Runnable* Worker::NextHeavy() {
  Runnable* task = heavy_.Pop();
  if (task != nullptr) heavy_ran_ = true;
  return task;
}

Runnable* Worker::NextLocal() {
  if (lifo_ != nullptr && lifo_runs_ < kMaxLifoRuns) {
    ++lifo_runs_;
    Count(counters_.lifo);
    return std::exchange(lifo_, nullptr);
  }
  lifo_runs_ = 0;
  return shared_.workers_.size() == 1 ? queue_.PopAlone() : queue_.Pop();
}

// The mailbox is ours alone; of the inject queue we take our share, the first to run at once. The
// others stay as free as they were: where new tasks are taken at once, they are new here.
Runnable* Worker::NextShared() {
  if (MailIsNext()) return mailbox_.Pop();
  const size_t queued = shared_.inject_.size();
  if (queued == 0) return nullptr;
  const bool as_new = eager() && shared_.workers_.size() > 1;
  StealQueue<Runnable>& into = as_new ? new_ : queue_;
  const size_t free = into.kSize / 2 - std::min(into.kSize / 2, into.SizeHint());
  const size_t share = std::min(queued / shared_.workers_.size() + 1, free);
  Runnable* const first = shared_.inject_.PopSome(std::max<size_t>(share, 1));
  if (first == nullptr) return nullptr;
  Runnable* rest = std::exchange(first->queue_next, nullptr);
  const bool others_may = as_new && rest != nullptr;
  while (rest != nullptr) {
    Runnable* const task = std::exchange(rest, rest->queue_next);
    task->queue_next = nullptr;
    into.Push(task, [this](std::span<Runnable* const> over) { Overflow(over); });
  }
  if (others_may) {
    due_ |= kNewDue;
    shared_.NotifyOne();  // a searcher that was to find them in the inject queue may sleep by now
  }
  return first;
}

void Worker::Schedule(Runnable& task) {
  if (running_ == nullptr) {
    Queue(task);
    return;
  }
  if (lifo_ != nullptr) Queue(*lifo_);
  lifo_ = &task;
}

void Worker::QueueHeavy(Runnable& task) {
  heavy_.Push(task);
  WakeForBacklog();
}

void Worker::ScheduleLast(Runnable& task) {
  queue_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
  WakeForBacklog();
}

void Worker::Overflow(std::span<Runnable* const> tasks) {
  Count(counters_.overflow, tasks.size());
  shared_.inject_.PushAll(tasks);
  shared_.NotifyOne();  // WakeForBacklog may leave its fence out then
}

void Worker::ScheduleHere(Runnable& task) {
  mailbox_.Push(task);
  Wake();
}

void Worker::TurnReactor(std::optional<Duration> timeout) {
  memory_.CollectRemote();
  UpdateGauges();
  const uint32_t waiting = queue_.SizeHint();
  reactor_->Turn(timeout, queue_.kSize - std::min(queue_.kSize, waiting));
  const Instant before = std::exchange(now_, clock_.Now());
  const Duration gap = now_ - before;
  const Duration late = timeout.has_value() ? gap - *timeout : 0ns;
  const bool punctual = late < kLate && hold_ == 0ns;
  if (punctual || TimersMayFire(gap, late, waiting == 0 && lifo_ == nullptr)) wheel_.Advance(now_);
  turned_.store(now_, std::memory_order_relaxed);
  if (timeout == 0ns && tasks_since_turn_ > 0) NoteTaskTime(gap / tasks_since_turn_);
  tasks_since_turn_ = 0;
  work_ = 0;
  heavy_ran_ = false;
}

// The inject queue is to be looked at about every 200 us, and a round of long tasks is not to last
// for as many of them as one of short tasks.
void Worker::NoteTaskTime(Duration per_task) {
  per_task = std::max<Duration>(per_task, 1ns);
  const uint32_t wanted =
      static_cast<uint32_t>(std::clamp<int64_t>(Duration(200us) / per_task, 2, 127));
  shared_interval_ = (shared_interval_ * 7 + wanted) / 8 + 1;
  const Duration before = task_time_.load(std::memory_order_relaxed);
  const Duration mean = (before * 7 + per_task) / 8;
  task_time_.store(mean, std::memory_order_relaxed);
  between_looks_ = mean >= kLongTask ? 0 : kClockInterval - 1;
}

// Before the wait, so that they are right while it lasts.
void Worker::UpdateGauges() {
  counters_.buffers.store(memory_.taken(), std::memory_order_relaxed);
  counters_.in_flight.store(reactor_->in_flight(), std::memory_order_relaxed);
  counters_.queued.store(queued() + new_.SizeHint(), std::memory_order_relaxed);
}

// Work that no worker has taken yet, or that is ours alone.
bool Worker::SharedWork() const { return !shared_.inject_.empty() || !mailbox_.empty(); }

bool Worker::BacklogElsewhere() const {
  return options_.stealing &&
         std::any_of(shared_.workers_.begin(), shared_.workers_.end(), [this](const auto& other) {
           return other.get() != this && other->HasBacklog();
         });
}

// Nothing to run here: ask the kernel. What it had before has been run if there is nothing now.
Runnable* Worker::TurnAndLook() {
  const Instant before = now_;
  TurnReactor(0ns);
  Runnable* const task = NextTask();
  if (task == nullptr) settled_.store(before, std::memory_order_release);
  return task;
}

// Nothing to run here: ask the kernel, then the others, then sleep.
void Worker::Park() {
  if (shared_.workers_.size() == 1) {
    if (BusyPoll()) return;
    shared_.idle_.BeginPark(index_);
    if (shared_.inject_.empty()) Wait();
    if (shared_.idle_.FinishPark(index_)) shared_.idle_.StopSearching();
    return;
  }
  Runnable* task = TurnAndLook();
  if (task == nullptr) task = Search();
  if (task != nullptr) {
    RunTask(*task);
    return;
  }
  if (BusyPoll()) return;
  if ((looking_ & kSearching) != 0) {
    looking_ &= static_cast<uint8_t>(~kSearching);
    shared_.idle_.StopSearching();
  }
  shared_.idle_.BeginPark(index_);
  // stopping() is asked here, behind the fence, and not only above (Shared::StopWhenDone). What is
  // new elsewhere is left to those that search, if they are enough: each of them looks at all
  // queues once more before it sleeps.
  const bool look_again = SharedWork() || OverdueElsewhere() || shared_.stopping() ||
                          (NewElsewhere() && shared_.idle_.MaySearch());
  if (!look_again) Wait();
  if (shared_.idle_.FinishPark(index_)) looking_ |= kSearching;
}

void Worker::Wait() {
  Count(counters_.parks);
  const uint64_t tasks = counters_.tasks.load(std::memory_order_relaxed);
  if (std::exchange(tasks_at_wait_, tasks) == tasks) Count(counters_.idle_wakes);
  memory_.MaybeTrim(now_, *reactor_);
  std::optional<Instant> deadline = wheel_.NextDeadline();
  const auto not_after = [&deadline](Instant at) {
    deadline = std::min(deadline.value_or(at), at);
  };
  if (memory_.TrimPays()) not_after(now_ + WorkerMemory::kTrimInterval);
  const bool watching = BacklogElsewhere();
  looking_ = watching ? kWatched : 0;
  if (watching) {
    not_after(now_ + kOverdue);
    shared_.watchers_.fetch_add(1, std::memory_order_relaxed);
  }
  std::optional<Duration> timeout;
  const Instant begin = clock_.Now();
  // Rounds that end asleep teach nothing else, and one long task would count until one does not.
  if (between_looks_ == 0 && tasks_since_turn_ > 0) {
    NoteTaskTime((begin - now_) / std::exchange(tasks_since_turn_, 0));
  }
  if (deadline.has_value()) timeout = std::max(*deadline - begin, Duration::zero());
  if (hold_ > 0ns && !OthersHaveSettled()) timeout = kNap;
  TurnReactor(timeout);
  Count(counters_.waited_ns, static_cast<uint64_t>((now_ - begin).count()));
  if (watching) shared_.watchers_.fetch_sub(1, std::memory_order_relaxed);
}

// Turns the reactor for a while before it sleeps. True: something came.
bool Worker::BusyPoll() {
  if (options_.busy_poll == 0ns) return false;
  const Instant until = clock_.Now() + options_.busy_poll;
  do {
    const Instant began = now_;
    TurnReactor(0ns);
    if (queued() != 0 || lifo_ != nullptr || SharedWork() || OverdueElsewhere()) return true;
    if (NewElsewhere() || shared_.stopping()) return true;
    settled_.store(began, std::memory_order_release);
  } while (now_ < until);
  return false;
}

}  // namespace sluice::core
