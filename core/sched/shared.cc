#include "core/sched/shared.h"

#include <cstdio>

#include "core/base/counter.h"
#include "core/sched/worker.h"

namespace sluice::core {

Shared::Shared(uint32_t workers) : idle_(workers) {}
Shared::~Shared() = default;

Worker& Shared::AddWorker(const Clock& clock, const WorkerOptions& options) {
  const auto index = static_cast<uint32_t>(workers_.size());
  const uint32_t most = FrameCache::MostFor(options.spare_frames);
  frame_depot_.set_most_chains(most < FrameCache::kLongestList ? 0 : options.spare_frames / most);
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

void Shared::NoteTaskBegin() { NoteTaskBegin(Worker::Current()); }

void Shared::NoteTaskBegin(Worker* current) {
  if (current != nullptr && &current->shared_ == this) [[likely]] {
    Count(current->tasks_begun_);
  } else {
    outside_begun_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Shared::NoteTaskEnd() {
  Worker* const worker = Worker::Current();
  if (worker != nullptr && &worker->shared_ == this) [[likely]] {
    Atomic<size_t>& ended = worker->tasks_ended_;
    ended.store(ended.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  } else {
    outside_ended_.fetch_add(1, std::memory_order_release);
  }
}

// Ends first: the begin of each that is counted is seen, so the difference is 0 only if at one
// moment, between the two sums, it was.
size_t Shared::live_tasks() const {
  size_t ended = outside_ended_.load(std::memory_order_acquire);
  for (const auto& worker : workers_) ended += worker->tasks_ended_.load(std::memory_order_acquire);
  size_t begun = outside_begun_.load(std::memory_order_relaxed);
  for (const auto& worker : workers_) begun += worker->tasks_begun_.load(std::memory_order_relaxed);
  return begun - ended;
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
