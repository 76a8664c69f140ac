#include "core/sched/shared.h"

#include <cstdio>

#include "core/base/counter.h"
#include "core/sched/worker.h"

namespace sluice::core {

Shared::Shared(uint32_t workers) : idle_(workers) {}
Shared::~Shared() = default;

Worker& Shared::AddWorker(const Clock& clock, const WorkerOptions& options) {
  const auto index = static_cast<uint32_t>(workers_.size());
  workers_.push_back(std::make_unique<Worker>(*this, index, clock, options));
  return *workers_.back();
}

void Shared::LoseException(std::exception_ptr exception) {
  if (lost_exception_) return lost_exception_(std::move(exception));
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& thrown) {
    std::fprintf(stderr, "a task that nothing waits for has thrown: %s\n", thrown.what());
  } catch (...) {
    std::fputs("a task that nothing waits for has thrown something\n", stderr);
  }
}

void Shared::NotifyOne() {
  const int index = idle_.PickToWake();
  if (index < 0) return;
  workers_[static_cast<size_t>(index)]->Wake();
  if (Worker* worker = Worker::Current()) Count(worker->counters_.wakes);
}

void Shared::WakeAll() {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Wake();
}

}  // namespace sluice::core
