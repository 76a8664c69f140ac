#include "core/spawn.h"

namespace sluice::core {

bool RootBase::Await(Node& waiter, Runnable& waiting_task) {
  waiting_task_ = &waiting_task;
  uintptr_t nobody = kNobody;
  return joiner_.compare_exchange_strong(nobody, reinterpret_cast<uintptr_t>(&waiter),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
}

void RootBase::Finish() {
  Shared& runtime = shared();
  TaskEndObserver* observer = end_observer;
  const uintptr_t joiner = joiner_.exchange(kFinished, std::memory_order_acq_rel);
  if (joiner != kNobody) waiting_task_->Post(*reinterpret_cast<Node*>(joiner));
  Unref();
  if (observer != nullptr) observer->TaskEnded();
  runtime.live_tasks.fetch_sub(1, std::memory_order_release);
}

}  // namespace sluice::core
