// Retry: does something again when it has failed, after pauses that grow. With core/:
// core/combine/retry.h, which also shortens each pause by a random part of it, so that callers that
// have failed together do not come back together.
//
// It takes a function that makes a task, not a task: a coroutine runs once, so each attempt needs a
// new one.
#include <cstdio>
#include <optional>
#include <utility>

#include "core/examples/by_hand/executor.h"

namespace {

using by_hand::Executor;
using by_hand::SleepFor;
using by_hand::Task;
using std::chrono_literals::operator""ms;

// An attempt is a call; a retry is an attempt after the first: three attempts are two retries.
// `make` is a parameter, not a reference: it lives in the frame for as long as that does.
template <typename Make>
Task<std::optional<int>> Retry(Executor& executor, int attempts, std::chrono::milliseconds pause,
                               Make make) {
  for (int attempt = 1;; ++attempt) {
    const std::optional<int> value = co_await make(attempt);
    if (value || attempt == attempts) co_return value;
    std::printf("attempt %d has failed; the next one in %d ms\n", attempt,
                static_cast<int>(pause.count()));
    co_await SleepFor(executor, pause);
    pause *= 2;
  }
}

// Fails until the attempt of that number.
Task<std::optional<int>> Fetch(int attempt, int works_at) {
  if (attempt < works_at) co_return std::nullopt;
  co_return 200;
}

Task<void> Main(Executor& executor) {
  const std::optional<int> third =
      co_await Retry(executor, 5, 10ms, [](int attempt) { return Fetch(attempt, 3); });
  std::printf("got %d\n", third.value_or(0));

  const std::optional<int> never =
      co_await Retry(executor, 2, 10ms, [](int attempt) { return Fetch(attempt, 3); });
  std::puts(never ? "got something" : "gave up after 2 attempts");
}

}  // namespace

int main() {
  Executor executor;
  executor.Spawn(Main(executor));
  executor.Run();
}
