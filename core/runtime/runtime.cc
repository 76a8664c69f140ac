#include "core/runtime/runtime.h"

#include <pthread.h>
#include <sched.h>

#include <cstring>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "core/base/check.h"
#include "core/runtime/spawn.h"

namespace sluice::core {
namespace {

std::vector<int> UsableCpus() {
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// Ends the run when the last task of all has ended.
class StopWhenDone final : public TaskEndObserver {
 public:
  explicit StopWhenDone(Shared& shared) : shared_(shared) {}
  void TaskEnded() override { shared_.Stop(); }

 private:
  Shared& shared_;
};

}  // namespace

// How the threads of one start are told whether it has become a run.
struct Runtime::Launch {
  explicit Launch(uint32_t workers) : statuses(workers), started(static_cast<int>(workers) - 1) {}

  std::vector<absl::Status> statuses;
  absl::BlockingCounter started;
  absl::Notification go;
  bool run = false;  // before `go`
};

Runtime::Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor)
    : options_(options),
      make_reactor_(std::move(make_reactor)),
      shared_(options.workers),
      blocking_pool_(options.blocking),
      cpus_(UsableCpus()) {
  shared_.set_blocking_pool(&blocking_pool_);
  shared_.set_lost_exception(options.lost_exception);
  for (uint32_t i = 0; i < options.workers; ++i) {
    shared_.AddWorker(clock, options.worker);
  }
}

Runtime::~Runtime() {
  if (launch_ != nullptr) EndThreads();
}

void Runtime::UseReactors(ReactorFactory make_reactor) { make_reactor_ = std::move(make_reactor); }

absl::Status Runtime::Start() {
  SLUICE_CHECK(launch_ == nullptr);
  launch_ = std::make_unique<Launch>(options_.workers);
  absl::Status status = StartThreads();
  if (options_.pin_workers) PinToCpu(0);
  launch_->statuses[0] = StartWorker(0);
  launch_->started.Wait();
  for (const absl::Status& each : launch_->statuses) status.Update(each);
  if (!status.ok()) EndThreads();
  return status;
}

// When the kernel starts no thread (RLIMIT_NPROC, pids.max, memory) the library throws.
absl::Status Runtime::StartThreads() {
  for (uint32_t i = 1; i < options_.workers; ++i) {
    try {
      threads_.emplace_back([this, i] { RunThread(i); });
    } catch (const std::system_error& error) {
      for (uint32_t missing = i; missing < options_.workers; ++missing) {
        launch_->started.DecrementCount();
      }
      return absl::ResourceExhaustedError(absl::StrCat(
          "cannot start the thread of worker ", i, ": ", strerrordesc_np(error.code().value())));
    }
  }
  return absl::OkStatus();
}

void Runtime::RunThread(uint32_t index) {
  if (options_.pin_workers) PinToCpu(index);
  pthread_setname_np(pthread_self(), ("sluice-" + std::to_string(index)).c_str());
  launch_->statuses[index] = StartWorker(index);
  launch_->started.DecrementCount();
  launch_->go.WaitForNotification();
  if (launch_->run) {
    worker(index).Run();
  } else {
    worker(index).Abandon();
  }
}

absl::Status Runtime::StartWorker(uint32_t index) {
  try {
    return worker(index).Start(make_reactor_);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is no memory for the workers");
  }
}

// Wraps round when there are more workers than CPUs.
void Runtime::PinToCpu(uint32_t index) const {
  if (cpus_.empty()) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpus_[index % cpus_.size()], &one);
  pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

absl::Status Runtime::Run(Task<void> main) {
  if (launch_ == nullptr) {
    absl::Status status = Start();
    if (!status.ok()) return status;
  }
  StopWhenDone stop(shared_);
  SpawnOn(handle(), &worker(0), std::move(main), &stop).Detach();
  launch_->run = true;
  launch_->go.Notify();
  worker(0).Run();
  EndThreads();
  CheckNothingLeft();
  return absl::OkStatus();
}

// Has those that wait for a run give up what they have, and waits for all.
void Runtime::EndThreads() {
  if (!launch_->go.HasBeenNotified()) {
    worker(0).Abandon();
    launch_->go.Notify();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  launch_.reset();
}

void Runtime::CheckNothingLeft() {
  SLUICE_CHECK(shared_.live_tasks() == 0);
  int64_t in_flight = 0;
  for (const std::unique_ptr<Worker>& worker : shared_.workers()) {
    in_flight += worker->reactor().in_flight();
  }
  SLUICE_CHECK(in_flight == 0);
}

}  // namespace sluice::core
