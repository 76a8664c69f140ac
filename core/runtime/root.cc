#include "core/runtime/root.h"

namespace sluice::core {

bool RootBase::Await(Joiner& joiner, Runnable& waiting_task) {
  joiner.task_ = &waiting_task;
  uintptr_t none = kNoJoiner;
  return joiner_.compare_exchange_strong(none, reinterpret_cast<uintptr_t>(&joiner),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
}

void RootBase::Finish() {
  Shared& runtime = shared();
  TaskEndObserver* observer = end_observer_;
  const uintptr_t word = joiner_.exchange(kFinished, std::memory_order_acq_rel);
  if (word != kNoJoiner) {
    auto* const joiner = reinterpret_cast<Joiner*>(word);
    joiner->task_->Post(*joiner);
  }
  Unref();
  if (observer != nullptr) observer->TaskEnded();
  runtime.NoteTaskEnd();
}

}  // namespace sluice::core
