// Three tasks on one thread, and an event from another one: what the executor of executor.h does.
#include "core/examples/by_hand/executor.h"

#include <cstdio>
#include <thread>

namespace {

using by_hand::Executor;
using by_hand::SleepFor;
using by_hand::Task;
using by_hand::Yield;
using std::chrono_literals::operator""ms;

// Tasks take turns because they give way, and only where they say co_await. One that never did
// would keep all others from running: no thread comes to its place, as one would for threads.
Task<void> Count(Executor& executor, const char* name) {
  for (int number = 1; number <= 3; ++number) {
    std::printf("%s %d\n", name, number);
    co_await Yield(executor);
  }
}

Task<int> Add(Executor& executor, int a, int b) {
  co_await SleepFor(executor, 20ms);
  co_return a + b;
}

// Awaits an event of another thread: that posts the handle, and the executor wakes up and resumes
// it, on its own thread.
struct OnOtherThread {
  Executor& executor;
  std::jthread thread = {};
  int value = 0;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    thread = std::jthread([this, handle] {
      value = 7 * 6;
      executor.Post(handle);  // the last thing that it does: what it has posted may run at once
    });
  }
  int await_resume() {
    thread.join();
    return value;
  }
};

Task<void> Sums(Executor& executor) {
  const int sum = co_await Add(executor, 1, 2);
  std::printf("sum %d\n", sum);
  const int answer = co_await OnOtherThread{executor};
  std::printf("answer %d\n", answer);
}

}  // namespace

int main() {
  Executor executor;
  executor.Spawn(Sums(executor));
  executor.Spawn(Count(executor, "a"));
  executor.Spawn(Count(executor, "b"));
  executor.Run();
  std::puts("all have ended");
}
