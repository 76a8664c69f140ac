// InjectQueue: the run queue for tasks from outside the workers and for what a full StealQueue
// hands over. First in, first out; unbounded because it is intrusive: it holds tasks that exist
// anyway.
//
// Any thread may call anything. A mutex guards the list; `size_` is kept beside it so that workers
// can look without the lock. Push makes the size visible (release) before it returns, and a worker
// about to sleep looks after a fence (idle_set.h), so it cannot miss a task.
#ifndef SLUICE_CORE_SCHED_INJECT_QUEUE_H_
#define SLUICE_CORE_SCHED_INJECT_QUEUE_H_

#include <cstddef>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/thread_mutex.h"
#include "core/task/runnable.h"

namespace sluice::core {

class InjectQueue {
 public:
  void Push(Runnable& task) {
    ThreadMutexLock lock(&mutex_);
    task.queue_next = nullptr;
    (head_ == nullptr ? head_ : last_->queue_next) = &task;
    last_ = &task;
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // In this order, under one lock.
  void PushAll(std::span<Runnable* const> tasks) {
    for (size_t i = 0; i + 1 < tasks.size(); ++i) tasks[i]->queue_next = tasks[i + 1];
    tasks.back()->queue_next = nullptr;
    ThreadMutexLock lock(&mutex_);
    (head_ == nullptr ? head_ : last_->queue_next) = tasks.front();
    last_ = tasks.back();
    size_.store(size_.load(std::memory_order_relaxed) + tasks.size(), std::memory_order_release);
  }

  // The oldest, at most `most` (which is not 0), linked by queue_next; null when empty.
  Runnable* PopSome(size_t most) {
    if (empty()) return nullptr;
    ThreadMutexLock lock(&mutex_);
    Runnable* const first = head_;
    if (first == nullptr) return nullptr;
    Runnable* last = first;
    size_t count = 1;
    for (; count < most && last->queue_next != nullptr; ++count) last = last->queue_next;
    head_ = std::exchange(last->queue_next, nullptr);
    size_.store(size_.load(std::memory_order_relaxed) - count, std::memory_order_release);
    return first;
  }

  // Null when empty.
  Runnable* Pop() {
    if (empty()) return nullptr;
    ThreadMutexLock lock(&mutex_);
    Runnable* task = head_;
    if (task == nullptr) return nullptr;
    head_ = task->queue_next;
    task->queue_next = nullptr;
    size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    return task;
  }

  bool empty() const { return size_.load(std::memory_order_acquire) == 0; }
  size_t size() const { return size_.load(std::memory_order_acquire); }

 private:
  ThreadMutex mutex_;
  Runnable* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Runnable* last_ ABSL_GUARDED_BY(mutex_) = nullptr;  // valid while head_ is not null
  Atomic<size_t> size_{0};                            // written under mutex_
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_INJECT_QUEUE_H_
