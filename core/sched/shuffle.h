// Shuffle: what a worker keeps that takes what is ready in an order by chance, for tests.
//
// WorkerOptions::shuffle_seed turns it on. Then NextTask takes everything that is ready out of the
// worker's queues and runs any of it next, and now and then it asks the reactor between two tasks.
// With one worker the seed decides everything but the kernel: the same seed, the same order. With
// several it is by chance which queue a worker looks at next, and the rest is up to the threads.
//
// It costs nothing when it is off: it is one more bit of a word (Worker::due_) that is looked at
// anyhow when it is not 0. Tasks of SpawnLocal run in their order within their batch.
// Checked by: tests/core/sched/shuffle_test.cc.
#ifndef SLUICE_CORE_SCHED_SHUFFLE_H_
#define SLUICE_CORE_SCHED_SHUFFLE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/task/runnable.h"

namespace sluice::core {

class Shuffle {
 public:
  explicit Shuffle(uint64_t seed) : random_(seed) {}

  void Add(Runnable& task) { ready_.push_back(&task); }
  // Any of them; null: there is none.
  Runnable* Take() {
    if (ready_.empty()) return nullptr;
    std::swap(ready_[Next(ready_.size())], ready_.back());
    Runnable* task = ready_.back();
    ready_.pop_back();
    return task;
  }

  // Less than `range`.
  size_t Next(size_t range) { return (random_ = Mix(random_)) % range; }

 private:
  uint64_t random_;
  std::vector<Runnable*> ready_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_SHUFFLE_H_
