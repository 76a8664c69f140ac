#include "core/runtime/worker_threads.h"

#include <pthread.h>
#include <sched.h>

#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/base/check.h"

namespace sluice::core {
namespace {

constexpr size_t kMostOfName = 15;  // of a thread

}  // namespace

std::vector<int> CpusOfAffinity() {
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// How the threads of one start are told whether it has become a run.
struct WorkerThreads::Launch {
  Launch(uint32_t workers, uint32_t threads)
      : statuses(workers), started(static_cast<int>(threads)) {}

  std::vector<absl::Status> statuses;
  absl::BlockingCounter started;
  absl::Notification go;
  bool run = false;            // before `go`
  std::function<void()> left;  // likewise
  absl::Mutex mutex;
  uint32_t running ABSL_GUARDED_BY(mutex) = 0;  // threads whose worker has not ended
};

WorkerThreads::WorkerThreads(Shared& shared, std::string name, bool pin)
    : shared_(shared), name_(std::move(name)), pin_(pin) {}

WorkerThreads::~WorkerThreads() { SLUICE_CHECK(launch_ == nullptr); }

absl::Status WorkerThreads::Start(uint32_t first, const ReactorFactory& make_reactor) {
  SLUICE_CHECK(launch_ == nullptr);
  launch_ = std::make_unique<Launch>(workers(), workers() - first);
  absl::Status status = StartThreads(first, make_reactor);
  if (first == 1) {
    if (pin_) PinToCpu(0);
    launch_->statuses[0] = StartWorker(0, make_reactor);
  }
  launch_->started.Wait();
  for (const absl::Status& each : launch_->statuses) status.Update(each);
  if (status.ok()) return status;
  if (first == 1) worker(0).Abandon();
  End();
  return status;
}

// When the kernel starts no thread (RLIMIT_NPROC, pids.max, memory) the library throws.
absl::Status WorkerThreads::StartThreads(uint32_t first, const ReactorFactory& make_reactor) {
  for (uint32_t i = first; i < workers(); ++i) {
    try {
      threads_.emplace_back([this, i, &make_reactor] { RunThread(i, make_reactor); });
    } catch (const std::system_error& error) {
      for (uint32_t missing = i; missing < workers(); ++missing) {
        launch_->started.DecrementCount();
      }
      return absl::ResourceExhaustedError(absl::StrCat(
          "cannot start the thread of worker ", i, ": ", strerrordesc_np(error.code().value())));
    }
  }
  return absl::OkStatus();
}

void WorkerThreads::RunThread(uint32_t index, const ReactorFactory& make_reactor) {
  if (pin_) PinToCpu(index);
  const std::string name = absl::StrCat(name_, "-", index);
  pthread_setname_np(pthread_self(), name.substr(0, kMostOfName).c_str());
  launch_->statuses[index] = StartWorker(index, make_reactor);
  launch_->started.DecrementCount();
  launch_->go.WaitForNotification();
  if (!launch_->run) return worker(index).Abandon();
  worker(index).Run();
  if (launch_->left) launch_->left();
  shared_.WakeAll();  // those that sleep have no task left either
  absl::MutexLock lock(&launch_->mutex);
  --launch_->running;
}

absl::Status WorkerThreads::StartWorker(uint32_t index, const ReactorFactory& make_reactor) {
  try {
    return worker(index).Start(make_reactor);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is no memory for the workers");
  }
}

// Wraps round when there are more workers than CPUs.
void WorkerThreads::PinToCpu(uint32_t index) const {
  if (cpus_.empty()) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpus_[index % cpus_.size()], &one);
  pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

bool WorkerThreads::gone() const { return launch_ != nullptr && launch_->run; }

void WorkerThreads::Go(std::function<void()> left) {
  {
    absl::MutexLock lock(&launch_->mutex);
    launch_->running = static_cast<uint32_t>(threads_.size());
  }
  launch_->left = std::move(left);
  launch_->run = true;
  launch_->go.Notify();
}

bool WorkerThreads::WaitUntilEnded(std::optional<Duration> patience) {
  absl::MutexLock lock(&launch_->mutex);
  const absl::Condition ended(+[](uint32_t* running) { return *running == 0; }, &launch_->running);
  if (patience.has_value()) {
    return launch_->mutex.AwaitWithTimeout(ended, absl::FromChrono(*patience));
  }
  launch_->mutex.Await(ended);
  return true;
}

void WorkerThreads::End() {
  if (!launch_->run) launch_->go.Notify();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  launch_.reset();
}

}  // namespace sluice::core
