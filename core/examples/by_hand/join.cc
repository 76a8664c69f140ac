// Join and JoinAll: several tasks side by side inside one, which goes on when all have ended. With
// core/: core/task/join.h, core/combine/join_all.h.
//
//   Join ── begins each part, then stands still
//             part: runs ... ends ── one less is left; the last one posts the one that waits
//
// One counter is all there is, and a plain one, for all of it runs on one thread.
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/examples/by_hand/executor.h"

namespace {

using by_hand::Executor;
using by_hand::Task;
using by_hand::Yield;

// A part begins at once, and its frame goes at its end. What it throws would end the program here;
// core::Join hands it on.
struct Part {
  struct promise_type {
    Part get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

struct Left {
  Executor& executor;
  size_t count;
  std::coroutine_handle<> waiting;
};

template <typename T>
Part Run(Task<T> task, std::optional<T>& value, Left& left) {
  value = co_await std::move(task);
  // Posted, not resumed: it would run inside this coroutine, which has not ended yet.
  if (--left.count == 0) left.executor.Post(left.waiting);
}

// Awaits all of them; `begin` begins each. Its handle is there before the first part begins.
template <typename Begin>
struct AllEnded : std::suspend_always {
  AllEnded(Left& parts_left, Begin& begin_all) : left(parts_left), begin(begin_all) {}
  void await_suspend(std::coroutine_handle<> handle) {
    left.waiting = handle;
    begin();
  }
  Left& left;
  Begin& begin;
};

template <typename A, typename B>
Task<std::pair<A, B>> Join(Executor& executor, Task<A> a, Task<B> b) {
  std::optional<A> first;
  std::optional<B> second;
  Left left{executor, 2, nullptr};
  auto begin = [&] {
    Run(std::move(a), first, left);
    Run(std::move(b), second, left);
  };
  co_await AllEnded(left, begin);
  co_return {*std::move(first), *std::move(second)};
}

template <typename T>
Task<std::vector<T>> JoinAll(Executor& executor, std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> values(tasks.size());
  Left left{executor, tasks.size(), nullptr};
  auto begin = [&] {
    for (size_t i = 0; i < tasks.size(); ++i) Run(std::move(tasks[i]), values[i], left);
  };
  if (!tasks.empty()) co_await AllEnded(left, begin);
  std::vector<T> all;
  for (std::optional<T>& value : values) all.push_back(*std::move(value));
  co_return all;
}

// Ends after so many turns of the queue.
Task<int> After(Executor& executor, int turns, int value) {
  for (; turns > 0; --turns) co_await Yield(executor);
  std::printf("%d has ended\n", value);
  co_return value;
}

Task<std::string> Name() { co_return "ready at once"; }

Task<void> Main(Executor& executor) {
  const auto [number, name] = co_await Join(executor, After(executor, 1, 7), Name());
  std::printf("joined: %d and %s\n", number, name.c_str());

  std::vector<Task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(After(executor, 4 - i, i));
  const std::vector<int> all = co_await JoinAll(executor, std::move(tasks));
  std::printf("joined, in the order of the tasks:");
  for (const int value : all) std::printf(" %d", value);
  std::printf("\n");
}

}  // namespace

int main() {
  Executor executor;
  executor.Spawn(Main(executor));
  executor.Run();
}
