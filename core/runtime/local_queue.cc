#include "core/runtime/local_queue.h"

#include <utility>

#include "core/base/check.h"

namespace sluice::core {

// Its scheduler is the worker's mailbox, also when it gives way.
class LocalQueue::Batch final : private Scheduler, public Runnable {
 public:
  explicit Batch(Worker& worker)
      : Runnable(static_cast<Scheduler&>(*this), nothing_), worker_(worker) {
    Run();  // handles the first event, which is none: then it is idle
  }

 private:
  struct Nothing final : Node {
    void OnReady() override {}
  };

  void Schedule(Runnable& runnable) override { worker_.ScheduleHere(runnable); }
  void Finish() override { SLUICE_CHECK(false); }  // it is never marked as done

  Nothing nothing_;
  Worker& worker_;
};

LocalQueue::LocalQueue(Shared& shared, Worker& worker)
    : Scheduler(shared), worker_(worker), batch_(std::make_unique<Batch>(worker)) {}

LocalQueue::~LocalQueue() = default;

void LocalQueue::Schedule(Runnable& task) {
  if (Worker::Current() == &worker_) {
    Push(task);
    if (in_batch_ || scheduled_.load(std::memory_order_relaxed)) return;
  } else {
    remote_.Push(task);
  }
  if (!scheduled_.exchange(true, std::memory_order_acq_rel)) batch_->Post(*this);
}

void LocalQueue::Push(Runnable& task) {
  task.queue_next = nullptr;
  (first_ == nullptr ? first_ : last_->queue_next) = &task;
  last_ = &task;
}

// In turn from here and from elsewhere.
Runnable* LocalQueue::Next() {
  look_at_remote_ = !look_at_remote_;
  if (look_at_remote_ || first_ == nullptr) {
    if (Runnable* task = remote_.Pop()) return task;
  }
  if (first_ == nullptr) return nullptr;
  Runnable* task = std::exchange(first_, first_->queue_next);
  task->queue_next = nullptr;
  return task;
}

void LocalQueue::OnReady() {
  scheduled_.exchange(false, std::memory_order_acq_rel);
  in_batch_ = true;
  int32_t copied = 0;  // units
  for (int i = 0; i < kMostOfBatch && copied < kCoopBudget; ++i) {
    Runnable* task = Next();
    if (task == nullptr) break;
    int32_t by_task = 0;
    const Runnable::Outcome outcome = worker_.Run(*task, by_task);
    copied += by_task;
    if (outcome >= Runnable::Outcome::kYield) Push(*task);
  }
  in_batch_ = false;
  batch_->ConsumeBudgetForBytes(copied * kBytesPerUnit);
  if (empty()) return;
  if (!scheduled_.exchange(true, std::memory_order_acq_rel)) batch_->Post(*this);
  batch_->GiveWay();
}

}  // namespace sluice::core
