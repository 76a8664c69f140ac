#include "core/runtime/spawn.h"

namespace sluice::core {

bool RootBase::Await(Joiner& joiner, Runnable& waiting_task) {
  joiner.task_ = &waiting_task;
  uintptr_t nobody = kNobody;
  return joiner_.compare_exchange_strong(nobody, reinterpret_cast<uintptr_t>(&joiner),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
}

void RootBase::Finish() {
  Shared& runtime = shared();
  TaskEndObserver* observer = end_observer_;
  const uintptr_t word = joiner_.exchange(kFinished, std::memory_order_acq_rel);
  if (word != kNobody) {
    auto* const joiner = reinterpret_cast<Joiner*>(word);
    joiner->task_->Post(*joiner);
  }
  Unref();
  if (observer != nullptr) observer->TaskEnded();
  runtime.live_tasks.fetch_sub(1, std::memory_order_release);
}

}  // namespace sluice::core
