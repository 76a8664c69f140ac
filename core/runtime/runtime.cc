#include "core/runtime/runtime.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/thread_mutex.h"
#include "core/runtime/root.h"
#include "core/runtime/task_watch.h"

namespace sluice::core {
namespace {

#ifdef NDEBUG
// Debian's abseil is compiled with its search for deadlocks, which takes several times as long as
// the lock. An optimised program goes without, as it would with an abseil compiled like itself;
// what it says in main has the last word.
[[gnu::constructor(1000)]] void LockWithoutTheSearch() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}
#endif

constexpr char kMainTask[] = "main";  // its name, of those that BlockOn and Run are given

// Ends the run when the last task of all has ended.
class StopWhenDone final : public TaskEndObserver {
 public:
  explicit StopWhenDone(Shared& shared) : shared_(shared) {}
  void TaskEnded() override { shared_.Stop(); }

 private:
  Shared& shared_;
};

// Has worker 0 leave its loop.
class LeaveWhenDone final : public TaskEndObserver {
 public:
  explicit LeaveWhenDone(Worker& worker) : worker_(worker) {}
  void TaskEnded() override {
    Worker& worker = worker_;
    done.store(true, std::memory_order_release);  // this may be gone now
    worker.Wake();
  }

  Atomic<bool> done{false};

 private:
  Worker& worker_;
};

class NotifyWhenDone final : public TaskEndObserver {
 public:
  void TaskEnded() override { done.Notify(); }

  absl::Notification done;
};

// Sets `over` and wakes the worker when `patience` is over, unless it goes before.
class Deadline {
 public:
  Deadline(Worker& worker, std::optional<Duration> patience) {
    if (!patience.has_value()) return;
    try {
      thread_ = std::thread([this, &worker, patience = absl::FromChrono(*patience)] {
        if (gone_.WaitForNotificationWithTimeout(patience)) return;
        over.store(true, std::memory_order_release);
        worker.Wake();
      });
    } catch (const std::system_error&) {  // no thread to be had: no patience either
      over.store(true, std::memory_order_release);
    }
  }
  ~Deadline() {
    gone_.Notify();
    if (thread_.joinable()) thread_.join();
  }

  Atomic<bool> over{false};

 private:
  absl::Notification gone_;
  std::thread thread_;
};

RuntimeOptions WithWorkers(RuntimeOptions options) {
  if (options.workers == 0) {
    options.workers = std::clamp<uint32_t>(static_cast<uint32_t>(CpusOfAffinity().size()), 1,
                                           IdleSet::kMaxWorkers);
  }
  return options;
}

}  // namespace

Runtime::Runtime(const RuntimeOptions& options) : Runtime(options, own_clock_) {}
Runtime::Runtime(const RuntimeOptions& options, const Clock& clock)
    : Runtime(options, clock, ChosenBackend()) {}
Runtime::Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor)
    : Runtime(options, clock, ChosenBackend{.make_reactor = std::move(make_reactor)}) {
  may_fall_back_ = false;
}
Runtime::Runtime(const RuntimeOptions& options, const Clock& clock, ChosenBackend backend)
    : options_(WithWorkers(options)),
      backend_(std::move(backend)),
      shared_(options_.workers),
      blocking_pool_(options.blocking),
      threads_(shared_, options.thread_name, options.pin_workers) {
  FutexSleep::Prepare();  // as long as there are few threads
  shared_.set_blocking_pool(&blocking_pool_);
  shared_.set_lost_exception(options.lost_exception);
  if (options.cancels_tasks) shared_.set_registry(&registry_.emplace(options_.workers));
  for (uint32_t i = 0; i < options_.workers; ++i) shared_.AddWorker(clock, options.worker);
  if (options.watch.tasks) {
    watch_ = std::make_unique<TaskWatch>(options.watch, shared_, options_.workers, clock);
    shared_.set_watch(watch_.get());
  }
}

Runtime::~Runtime() { Shutdown(); }

Runtime::State Runtime::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

void Runtime::set_state(State state) {
  absl::MutexLock lock(&mutex_);
  state_ = state;
}

absl::Status Runtime::Start() { return StartThreads(/*first=*/1, State::kIdle); }
absl::Status Runtime::StartInBackground() { return StartThreads(/*first=*/0, State::kBackground); }

absl::Status Runtime::StartThreads(uint32_t first, State then) {
  SLUICE_CHECK_USE(state() == State::kCreated, "a runtime is started once");
  absl::Status status = StartWithBackend(first);
  if (!status.ok()) return status;
  starter_ = std::this_thread::get_id();
  for (const std::unique_ptr<Worker>& worker : shared_.workers()) {
    worker->reactor().set_blocking_calls(&blocking_pool_);
    local_queues_.push_back(std::make_unique<LocalQueue>(shared_, *worker));
  }
  shared_.set_local_queues(local_queues_);
  if (first == 0) {
    threads_.Go();
  } else {
    standstill_.emplace(shared_);
  }
  set_state(then);
  return status;
}

absl::Status Runtime::StartWithBackend(uint32_t first) {
  if (!backend_.make_reactor) {
    absl::StatusOr<ChosenBackend> chosen = ChooseBackend(options_.backend);
    if (!chosen.ok()) return chosen.status();
    backend_ = *std::move(chosen);
  }
  absl::Status status = threads_.Start(first, backend_.make_reactor);
  if (!status.ok() && may_fall_back_) {
    std::optional<ChosenBackend> other = FallBack(options_.backend, backend_, status);
    if (!other.has_value()) return status;
    backend_ = *std::move(other);
    status = threads_.Start(first, backend_.make_reactor);
  }
  if (!status.ok() || backend_.warning.empty()) return status;
  if (options_.warn) {
    options_.warn(backend_.warning);
  } else {
    std::fprintf(stderr, "%s: %s\n", options_.thread_name.c_str(), backend_.warning.c_str());
  }
  return status;
}

void Runtime::BlockOnTask(Task<void> task) {
  SLUICE_CHECK_USE(Worker::Current() == nullptr,
                   "this thread runs tasks, which would all stand still: co_await it instead of "
                   "BlockOn, or leave BlockOn to a thread outside of the runtimes");
  if (state() == State::kCreated) {
    const absl::Status status = Start();
    if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  }
  if (standstill_.has_value()) {
    RunForeground(std::move(task));
  } else {
    WaitForBackground(std::move(task));
  }
}

void Runtime::CheckForegroundThread() const {
  SLUICE_CHECK_USE(std::this_thread::get_id() == starter_,
                   "a runtime in the foreground runs on the thread that has started it: call this "
                   "there, or start the runtime with StartInBackground");
}

// To worker 0, which this thread is, the others are let go.
void Runtime::GoOn() {
  if (threads_.gone()) {
    standstill_->End();
  } else {
    threads_.Go([this] { standstill_->Leave(); });
  }
}

void Runtime::RunForeground(Task<void> task) {
  CheckForegroundThread();
  SLUICE_CHECK_USE(state() == State::kIdle, "the runtime has been shut down: make another one");
  set_state(State::kRunning);
  LeaveWhenDone leave(worker(0));
  SpawnOn(handle(), &worker(0), std::move(task), &leave, {kMainTask}).Detach();
  GoOn();
  worker(0).RunUntil(leave.done);
  standstill_->Begin();
  set_state(State::kIdle);
}

void Runtime::WaitForBackground(Task<void> task) {
  NotifyWhenDone observer;
  {
    // The lock: the workers wait for what has been spawned before they are to stop.
    absl::MutexLock lock(&mutex_);
    if (state_ != State::kBackground) return;  // another thread shuts it down: it does not begin
    SpawnOn(handle(), nullptr, std::move(task), &observer, {kMainTask}).Detach();
  }
  observer.done.WaitForNotification();
}

bool Runtime::Shutdown(std::optional<Duration> patience) {
  SLUICE_CHECK_USE(Worker::Current() == nullptr,
                   "a task cannot wait for the end of what runs it: have the task of BlockOn end, "
                   "or call Shutdown on a thread outside of the runtimes");
  const State before = state();
  if (before == State::kCreated || before == State::kStopped) {
    set_state(State::kStopped);
    DropUnbegun();
    return true;
  }
  if (standstill_.has_value()) CheckForegroundThread();
  set_state(State::kStopping);
  if (registry_.has_value()) registry_->CancelAll();
  shared_.StopWhenDone();
  const bool ended =
      standstill_.has_value() ? EndForeground(patience) : threads_.WaitUntilEnded(patience);
  if (!ended) return false;
  threads_.End();
  DropUnbegun();
  // With a registry other threads may have spawned something since: it does not begin, and goes
  // with the next Shutdown, which is that of the destructor at the latest.
  if (!registry_.has_value()) SLUICE_CHECK(shared_.live_tasks() == 0);
  CheckNothingInFlight();
  set_state(State::kStopped);
  return true;
}

bool Runtime::EndForeground(std::optional<Duration> patience) {
  GoOn();
  Deadline deadline(worker(0), patience);
  worker(0).RunUntil(deadline.over);
  if (shared_.stopping()) {  // no task is left
    shared_.WakeAll();
    return true;
  }
  standstill_->Begin();
  return false;
}

absl::Status Runtime::Run(Task<void> main) {
  if (state() == State::kCreated) {
    absl::Status status = Start();
    if (!status.ok()) return status;
  }
  SLUICE_CHECK_USE(state() == State::kIdle && !threads_.gone(), "Run is for a runtime of its own");
  StopWhenDone stop(shared_);
  SpawnOn(handle(), &worker(0), std::move(main), &stop, {kMainTask}).Detach();
  set_state(State::kRunning);
  threads_.Go();
  worker(0).Run();
  threads_.End();
  SLUICE_CHECK(shared_.live_tasks() == 0);
  CheckNothingInFlight();
  set_state(State::kStopped);
  return absl::OkStatus();
}

// Tasks that were spawned before the start, or after the end: they do not begin.
void Runtime::DropUnbegun() {
  if (!registry_.has_value()) return;
  registry_->CancelAll();
  while (Runnable* task = shared_.PopInjected()) task->Run();
  for (const std::unique_ptr<Worker>& worker : shared_.workers()) worker->RunMail();
  for (const std::unique_ptr<LocalQueue>& queue : local_queues_) {
    while (Runnable* task = queue->PopRemote()) task->Run();
  }
}

void Runtime::CheckNothingInFlight() {
  int64_t in_flight = 0;
  for (const std::unique_ptr<Worker>& worker : shared_.workers()) {
    in_flight += worker->reactor().in_flight();
  }
  SLUICE_CHECK(in_flight == 0);
}

}  // namespace sluice::core
