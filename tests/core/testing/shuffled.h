// What the tests in shuffled orders share: choices made from the seed, and how many seeds there
// are.
#ifndef SLUICE_TESTS_CORE_TESTING_SHUFFLED_H_
#define SLUICE_TESTS_CORE_TESTING_SHUFFLED_H_

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "core/base/random.h"
#include "core/task/cancel_scope.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/testing/fixture.h"

namespace sluice::core::testing {

// 2,000, unless SLUICE_TEST_SCALE (for sanitizers) says less.
inline uint64_t SeedCount() {
  const char* const scale = std::getenv("SLUICE_TEST_SCALE");
  return scale == nullptr ? 2'000 : static_cast<uint64_t>(2'000 * std::strtod(scale, nullptr)) + 1;
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  // Less than `sides`.
  int Roll(int sides) {
    return static_cast<int>((random_ = Mix(random_)) % static_cast<uint64_t>(sides));
  }
  // One of its own, for a task.
  Dice Split() { return Dice(random_ = Mix(random_)); }

 private:
  uint64_t random_;
};

inline Task<void> Yields(int times) {
  for (int i = 0; i < times; ++i) co_await core::Yield();
}

// Awaits `awaitable`, which is asked to give up after some turns; or waits for its end.
template <typename A>
Task<typename internal::Branch<A>::Value> CutShort(Dice& dice, A&& awaitable) {
  const Context context = co_await CurrentContext();
  if (context.scope->cancelled()) throw Cancelled();  // the test has failed, and ends
  const int patience = dice.Roll(5);
  if (patience == 4) co_return co_await std::forward<A>(awaitable);
  auto outcome = co_await Select(std::forward<A>(awaitable), Yields(patience));
  co_return std::move(outcome.template Get<0>());
}

// Runs `scenario(dice)` in as many orders. Timers and channels need no kernel: epoll is the quicker
// one to begin with.
template <typename Scenario>
void RunInManyOrders(Scenario scenario) {
  ForEachSeed(SeedCount(), [&](uint64_t seed) {
    RunShuffled(seed, scenario(Dice(seed)), {.backend = Backend::kEpoll});
  });
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_TESTING_SHUFFLED_H_
