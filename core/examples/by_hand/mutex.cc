// A mutex that may be held across an await, made of a semaphore. With core/: core/sync/mutex.h,
// core/sync/semaphore.h, which also serve several threads and can be cancelled.
//
//   semaphore   a number of permits, and a queue of those that wait for one
//                 Acquire: one is free ─► takes it    none is free ─► queues, stands still
//                 Release: the queue is empty ─► one more is free    else ─► hands it to the first
//   mutex       a semaphore of one permit, the value that it protects, and a guard that releases
//
// A permit is handed over, not put back for all to fight for: first come, first served, and none
// waits for ever. That it runs on one thread does not make a lock superfluous: at every co_await
// other tasks run, and find what this one has left half done.
#include <cstdio>
#include <deque>
#include <utility>

#include "core/examples/by_hand/executor.h"

namespace {

using by_hand::Executor;
using by_hand::Task;
using by_hand::Yield;

class Semaphore {
 public:
  Semaphore(Executor& executor, int permits) : executor_(executor), free_(permits) {}

  auto Acquire() {
    struct Awaiter {
      Semaphore& semaphore;
      bool await_ready() const {
        if (semaphore.free_ == 0) return false;
        --semaphore.free_;
        return true;
      }
      void await_suspend(std::coroutine_handle<> handle) { semaphore.waiting_.push_back(handle); }
      void await_resume() const {}  // the permit is ours: taken above, or handed over by Release
    };
    return Awaiter{*this};
  }
  void Release() {
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    executor_.Post(waiting_.front());
    waiting_.pop_front();
  }

 private:
  Executor& executor_;
  int free_;
  std::deque<std::coroutine_handle<>> waiting_;
};

template <typename T>
class Mutex {
 public:
  Mutex(Executor& executor, T value) : permit_(executor, 1), value_(std::move(value)) {}

  class Guard {
   public:
    explicit Guard(Mutex& mutex) : mutex_(&mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->permit_.Release();
    }
    T& operator*() { return mutex_->value_; }

   private:
    Mutex* mutex_;
  };

  Task<Guard> Lock() {
    co_await permit_.Acquire();
    co_return Guard(*this);
  }

 private:
  Semaphore permit_;
  T value_;
};

// Reads, lets others run, and writes what it has read and one more.
Task<void> AddOne(Executor& executor, int& counter) {
  const int read = counter;
  co_await Yield(executor);
  counter = read + 1;
}
Task<void> AddOneLocked(Executor& executor, Mutex<int>& counter) {
  auto guard = co_await counter.Lock();
  co_await AddOne(executor, *guard);
}

Task<void> Print(Mutex<int>& counter) {
  auto guard = co_await counter.Lock();
  std::printf("with a mutex: %d\n", *guard);
}

}  // namespace

int main() {
  Executor executor;
  int plain = 0;
  for (int i = 0; i < 10; ++i) executor.Spawn(AddOne(executor, plain));
  executor.Run();
  std::printf("without a lock: %d\n", plain);

  Mutex<int> locked(executor, 0);
  for (int i = 0; i < 10; ++i) executor.Spawn(AddOneLocked(executor, locked));
  executor.Spawn(Print(locked));
  executor.Run();
}
