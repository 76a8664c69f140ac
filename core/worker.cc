#include "core/worker.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace sluice::core {
namespace {

thread_local Worker* current_worker = nullptr;

// The only place that makes a pool. The address space is tried beforehand: where the kernel does
// not grant it, that is a message and no reason to abort.
absl::StatusOr<std::unique_ptr<BufferPool>> MakePool(size_t count, size_t buffer_size,
                                                     std::function<void()> wake_owner) {
  const size_t bytes = count * buffer_size;
  void* trial = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot reserve ", (bytes + (1 << 20) - 1) >> 20,
        " MiB of address space for the buffers of a worker: ", strerrordesc_np(errno)));
  }
  munmap(trial, bytes);
  return std::make_unique<BufferPool>(count, buffer_size, std::move(wake_owner));
}

}  // namespace

// Out of line, so that no caller can keep the address of the thread_local across a suspension.
[[gnu::noinline]] Worker* Worker::Current() { return current_worker; }

void Worker::Enter() { current_worker = this; }
void Worker::LeaveCurrent() { current_worker = nullptr; }

void Shared::Schedule(Runnable& runnable) {
  Worker* worker = Worker::Current();
  if (worker != nullptr && &worker->shared() == this) {
    worker->Schedule(runnable);
    return;
  }
  inject.Push(runnable);
  NotifyOne();
}

void Shared::NotifyOne() {
  const int index = idle.PickToWake();
  if (index < 0) return;
  workers[static_cast<size_t>(index)]->Wake();
  if (Worker* worker = Worker::Current()) Count(worker->counters_.wakes);
}

void Shared::WakeAll() {
  for (const std::unique_ptr<Worker>& worker : workers) worker->Wake();
}

Worker::Worker(Shared& shared, uint32_t index, const Clock& clock, const WorkerOptions& options)
    : shared_(shared),
      index_(index),
      clock_(clock),
      busy_poll_(options.busy_poll),
      stealing_(options.stealing),
      random_(options.seed * 0x9E3779B97F4A7C15u + index + 1),
      now_(clock.Now()),
      wheel_(now_),
      buffers_(options.buffers),
      buffer_size_(options.buffer_size),
      large_buffers_(options.large_buffers),
      large_buffer_size_(options.large_buffer_size),
      turned_(now_),
      make_heap_(options.make_heap) {}

Worker::~Worker() = default;

absl::Status Worker::Start(const ReactorFactory& make_reactor) {
  absl::Status status = ReserveBuffers();
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = make_reactor(*pool_);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  if (make_heap_ != nullptr) heap_ = make_heap_();
  return absl::OkStatus();
}

void Worker::Abandon() {
  heap_.reset();
  reactor_.reset();
}

absl::Status Worker::ReserveBuffers() {
  const auto wake = [this] { Wake(); };
  if (pool_ == nullptr) {
    absl::StatusOr<std::unique_ptr<BufferPool>> pool = MakePool(buffers_, buffer_size_, wake);
    if (!pool.ok()) return pool.status();
    pool_ = *std::move(pool);
  }
  if (large_pool_ != nullptr || large_buffers_ == 0) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<BufferPool>> large =
      MakePool(large_buffers_, large_buffer_size_, wake);
  if (!large.ok()) return large.status();
  large_pool_ = *std::move(large);
  pool_->set_large(large_pool_.get());
  return absl::OkStatus();
}

void Worker::Run() {
  Enter();
  for (;;) {
    if (++tick_ % kEventInterval == 0) TurnReactor(0);
    if (Runnable* task = NextTask()) {
      RunTask(*task);
    } else if (shared_.stopping.load(std::memory_order_acquire)) {
      break;
    } else {
      Park();
    }
  }
  TurnReactor(0);  // hands over what is queued for the kernel, such as a last close
  LeaveCurrent();
}

bool Worker::Step() {
  if (++tick_ % kEventInterval == 0) TurnReactor(0);
  Runnable* task = NextTask();
  if (task == nullptr) {
    TurnReactor(0);
    task = NextTask();
  }
  if (task == nullptr) return false;
  RunTask(*task);
  return true;
}

void Worker::RunTask(Runnable& task) {
  if (searching_) {
    searching_ = false;
    // The last searcher has found something: there may be more.
    if (shared_.idle.StopSearching() && (SharedWork() || OverdueElsewhere())) {
      shared_.NotifyOne();
    }
  }
  Count(counters_.tasks);
  ++tasks_since_turn_;
  running_ = &task;
  const Runnable::Outcome outcome = task.Run();
  running_ = nullptr;
  if (outcome == Runnable::Outcome::kYield) ScheduleLast(task);
}

Runnable* Worker::NextTask() {
  if (tick_ % shared_interval_ == 0) {
    if (Runnable* task = NextShared()) return task;
  }
  if (Runnable* task = NextLocal()) return task;
  if (Runnable* task = NextShared()) return task;
  return nullptr;
}

Runnable* Worker::NextLocal() {
  if (lifo_ != nullptr && lifo_runs_ < kMaxLifoRuns) {
    ++lifo_runs_;
    Count(counters_.lifo);
    return std::exchange(lifo_, nullptr);
  }
  lifo_runs_ = 0;
  if (Runnable* task = queue_.Pop()) return task;
  return std::exchange(lifo_, nullptr);
}

// The mailbox is ours alone; of the inject queue we take our share, the first to run at once.
Runnable* Worker::NextShared() {
  if (Runnable* task = mailbox_.Pop()) return task;
  const size_t queued = shared_.inject.size();
  if (queued == 0) return nullptr;
  const size_t room = queue_.kSize / 2 - std::min(queue_.kSize / 2, queue_.SizeHint());
  const size_t share = std::min(queued / shared_.workers.size() + 1, room);
  Runnable* first = shared_.inject.Pop();
  for (size_t i = 1; first != nullptr && i < share; ++i) {
    Runnable* task = shared_.inject.Pop();
    if (task == nullptr) break;
    queue_.Push(task, [this](Runnable* over) { shared_.inject.Push(*over); });
  }
  return first;
}

void Worker::Schedule(Runnable& task) {
  if (running_ == nullptr) {
    ScheduleLast(task);
    return;
  }
  if (lifo_ != nullptr) ScheduleLast(*lifo_);
  lifo_ = &task;
}

void Worker::ScheduleLast(Runnable& task) {
  queue_.Push(&task, [this](Runnable* over) {
    Count(counters_.overflow);
    shared_.inject.Push(*over);
  });
  if (shared_.workers.size() == 1 || queue_.SizeHint() < kWakeBacklog) return;
  const bool watched = !stealing_ || shared_.watchers.load(std::memory_order_relaxed) > 0;
  if (!watched || !shared_.inject.empty()) shared_.NotifyOne();
}

void Worker::ScheduleHere(Runnable& task) {
  mailbox_.Push(task);
  Wake();
}

void Worker::TurnReactor(Nanos timeout) {
  pool_->CollectRemote();  // used again while they are warm, not when all others are used up
  if (large_pool_ != nullptr) large_pool_->CollectRemote();
  UpdateGauges();
  reactor_->Turn(timeout, queue_.kSize - std::min(queue_.kSize, queue_.SizeHint()));
  const Nanos before = now_;
  now_ = clock_.Now();
  wheel_.Advance(now_);
  turned_.store(now_, std::memory_order_relaxed);
  if (timeout == 0 && tasks_since_turn_ > 0) NoteTaskTime((now_ - before) / tasks_since_turn_);
  tasks_since_turn_ = 0;
}

// The inject queue is to be looked at about every 200 us.
void Worker::NoteTaskTime(Nanos per_task) {
  per_task = std::max<Nanos>(per_task, 1);
  const uint32_t wanted =
      static_cast<uint32_t>(std::clamp<Nanos>(200 * kMicrosecond / per_task, 2, 127));
  shared_interval_ = (shared_interval_ * 7 + wanted) / 8 + 1;
  const Nanos before = task_time_.load(std::memory_order_relaxed);
  task_time_.store((before * 7 + per_task) / 8, std::memory_order_relaxed);
}

// Before the wait, so that they are right while it lasts.
void Worker::UpdateGauges() {
  const size_t large = large_pool_ == nullptr ? 0 : large_pool_->taken();
  counters_.buffers.store(pool_->taken() + large, std::memory_order_relaxed);
  counters_.in_flight.store(reactor_->in_flight(), std::memory_order_relaxed);
}

// Work that is nobody's yet, or ours alone.
bool Worker::SharedWork() const { return !shared_.inject.empty() || !mailbox_.empty(); }

bool Worker::HasBacklog() const { return queue_.SizeHint() >= kStealBacklog; }

// Whether what waits at `victim` will have waited too long before it gets there.
bool Worker::Overdue(const Worker& victim) const {
  if (&victim == this || !victim.HasBacklog()) return false;
  const Nanos unseen = now_ - victim.turned_.load(std::memory_order_relaxed);
  const Nanos work = victim.queue_.SizeHint() * victim.task_time_.load(std::memory_order_relaxed);
  return unseen + work >= kOverdue;
}

bool Worker::OverdueElsewhere() const {
  return stealing_ && std::any_of(shared_.workers.begin(), shared_.workers.end(),
                                  [this](const auto& other) { return Overdue(*other); });
}

bool Worker::BacklogElsewhere() const {
  return stealing_ &&
         std::any_of(shared_.workers.begin(), shared_.workers.end(), [this](const auto& other) {
           return other.get() != this && other->HasBacklog();
         });
}

Runnable* Worker::Steal() {
  if (!stealing_) return NextShared();
  const size_t count = shared_.workers.size();
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const size_t start = random_ % count;
  for (size_t i = 0; i < count; ++i) {
    Worker& victim = *shared_.workers[(start + i) % count];
    if (!Overdue(victim)) continue;
    if (Runnable* task = victim.queue_.StealInto(queue_)) {
      Count(counters_.steals);
      Count(counters_.stolen, queue_.SizeHint() + 1);
      return task;
    }
  }
  return NextShared();
}

// Looks for work at the others, unless half of the workers do already.
Runnable* Worker::Search() {
  if (!searching_) {
    if (!shared_.idle.TryStartSearching()) return nullptr;
    searching_ = true;
  }
  return Steal();
}

// Nothing to run here: ask the kernel, then the others, then sleep.
void Worker::Park() {
  if (shared_.workers.size() == 1) {
    if (BusyPoll()) return;
    shared_.idle.BeginPark(index_);
    if (shared_.inject.empty()) Wait();
    if (shared_.idle.FinishPark(index_)) shared_.idle.StopSearching();
    return;
  }
  TurnReactor(0);
  Runnable* task = NextTask();
  if (task == nullptr) task = Search();
  if (task != nullptr) {
    RunTask(*task);
    return;
  }
  if (BusyPoll()) return;
  if (searching_) {
    searching_ = false;
    shared_.idle.StopSearching();
  }
  shared_.idle.BeginPark(index_);
  const bool look_again =
      SharedWork() || OverdueElsewhere() || shared_.stopping.load(std::memory_order_acquire);
  if (!look_again) Wait();
  searching_ = shared_.idle.FinishPark(index_);
}

void Worker::Wait() {
  Count(counters_.parks);
  MaybeTrim();
  Nanos deadline = wheel_.NextDeadline();
  if (TrimPays()) {
    deadline = deadline < 0 ? now_ + kTrimInterval : std::min(deadline, now_ + kTrimInterval);
  }
  const bool watching = BacklogElsewhere();
  if (watching) {
    deadline = deadline < 0 ? now_ + kOverdue : std::min(deadline, now_ + kOverdue);
    shared_.watchers.fetch_add(1, std::memory_order_relaxed);
  }
  TurnReactor(deadline < 0 ? -1 : std::max<Nanos>(deadline - clock_.Now(), 0));
  if (watching) shared_.watchers.fetch_sub(1, std::memory_order_relaxed);
}

// At most once per interval: a burst's memory goes back to the kernel soon after it is over.
void Worker::MaybeTrim() {
  if (now_ - trimmed_ < kTrimInterval || !TrimPays()) return;
  trimmed_ = now_;
  if (BufferTrimPays()) {
    reactor_->Trim();
    if (large_pool_ != nullptr) large_pool_->Trim();
  }
  if (HeapTrimPays()) heap_->Trim();
}

bool Worker::TrimPays() const { return BufferTrimPays() || HeapTrimPays(); }

bool Worker::BufferTrimPays() const {
  return pool_->touched() > kWarmBuffers ||
         (large_pool_ != nullptr && large_pool_->touched() > kWarmLargeBuffers);
}

bool Worker::HeapTrimPays() const { return heap_ != nullptr && heap_->TrimPays(); }

// Turns the reactor for a while before it sleeps. True: something came.
bool Worker::BusyPoll() {
  if (busy_poll_ == 0) return false;
  const Nanos until = clock_.Now() + busy_poll_;
  do {
    TurnReactor(0);
    if (queue_.SizeHint() != 0 || lifo_ != nullptr || SharedWork() || OverdueElsewhere())
      return true;
    if (shared_.stopping.load(std::memory_order_relaxed)) return true;
  } while (now_ < until);
  return false;
}

}  // namespace sluice::core
