#include "core/runtime.h"

#include <pthread.h>
#include <sched.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "core/check.h"
#include "core/spawn.h"

namespace sluice::core {
namespace {

// The n-th CPU of those the process may use; wraps round.
void PinToCpu(uint32_t n) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  uint32_t skip = n % static_cast<uint32_t>(CPU_COUNT(&allowed));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || skip-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
    return;
  }
}

// Ends the run when the last task of all has ended.
class StopWhenDone final : public TaskEndObserver {
 public:
  explicit StopWhenDone(Shared& shared) : shared_(shared) {}
  void TaskEnded() override {
    shared_.stopping.store(true, std::memory_order_release);
    shared_.WakeAll();
  }

 private:
  Shared& shared_;
};

}  // namespace

Runtime::Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor)
    : options_(options), make_reactor_(std::move(make_reactor)), shared_(options.workers) {
  for (uint32_t i = 0; i < options.workers; ++i) {
    shared_.workers.push_back(std::make_unique<Worker>(shared_, i, clock, options.worker));
  }
}

Runtime::~Runtime() = default;

absl::Status Runtime::StartWorker(uint32_t index) {
  if (options_.pin_workers) PinToCpu(index);
  pthread_setname_np(pthread_self(), ("sluice-" + std::to_string(index)).c_str());
  return shared_.workers[index]->Start(make_reactor_);
}

absl::Status Runtime::Run(Task<void> main) {
  std::vector<absl::Status> statuses(options_.workers);
  absl::BlockingCounter started(static_cast<int>(options_.workers) - 1);
  absl::Notification go;
  bool run = true;
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < options_.workers; ++i) {
    threads.emplace_back([&, i] {
      statuses[i] = StartWorker(i);
      started.DecrementCount();
      go.WaitForNotification();
      if (run) shared_.workers[i]->Run();
    });
  }
  if (options_.pin_workers) PinToCpu(0);
  statuses[0] = shared_.workers[0]->Start(make_reactor_);
  started.Wait();
  absl::Status status;
  for (const absl::Status& each : statuses) status.Update(each);
  run = status.ok();
  StopWhenDone stop(shared_);
  if (run) SpawnOn(shared_, shared_.workers[0].get(), std::move(main), &stop).Detach();
  go.Notify();
  if (run) shared_.workers[0]->Run();
  for (std::thread& thread : threads) thread.join();
  if (run) CheckNothingLeft();
  return status;
}

void Runtime::CheckNothingLeft() {
  SLUICE_CHECK(shared_.live_tasks.load(std::memory_order_acquire) == 0);
  int64_t in_flight = 0;
  for (const std::unique_ptr<Worker>& worker : shared_.workers) {
    in_flight += worker->reactor().in_flight();
  }
  SLUICE_CHECK(in_flight == 0);
}

}  // namespace sluice::core
