// The part of a Worker that takes tasks by chance: see shuffle.h.
#include <array>
#include <utility>

#include "core/sched/worker.h"

namespace sluice::core {

Runnable* Worker::NextShuffled() {
  constexpr size_t kTurnEvery = 8;  // as a rule
  constexpr size_t kSources = 6;
  if (shuffle_->Next(kTurnEvery) == 0) TurnReactor(0ns);
  const auto pop = [this](size_t source) -> Runnable* {
    switch (source) {
      case 0:
        return std::exchange(lifo_, nullptr);
      case 1:
        return queue_.Pop();
      case 2:
        return new_.Pop();
      case 3:
        return heavy_.Pop();
      case 4:
        return mailbox_.Pop();
      default:
        return shared_.inject_.Pop();
    }
  };
  if (shared_.workers_.size() == 1) {
    for (size_t source = 0; source < kSources; ++source) {
      while (Runnable* task = pop(source)) shuffle_->Add(*task);
    }
    return shuffle_->Take();
  }
  // What others may steal stays in the queues.
  const size_t first = shuffle_->Next(kSources);
  for (size_t i = 0; i < kSources; ++i) {
    if (Runnable* task = pop((first + i) % kSources)) return task;
  }
  return nullptr;
}

}  // namespace sluice::core
