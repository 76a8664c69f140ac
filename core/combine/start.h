// Start: foreign code, on any thread, has something awaited and is told how it ended.
//
//     Start(runtime.handle(), Lookup(name), [](Outcome<Entry> entry) { Show(entry.value()); });
//
// It spawns a small task that awaits it. That task, on a worker, calls `on_done(Outcome<T>)`, which
// must neither block nor throw. It is called once whatever happens: if the runtime shuts down
// before the task has begun, with the outcome *cancelled*, by the thread that clears up. To get a
// std::future instead: core/combine/future.h.
//
// Threads: any, and inside a task. The runtime must still run.
// Checked by: tests/core/combine/start_test.cc.
#ifndef SLUICE_CORE_COMBINE_START_H_
#define SLUICE_CORE_COMBINE_START_H_

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/runtime/handle.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/task/awaitable.h"
#include "core/task/outcome.h"
#include "core/task/outcome_of.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// Tells once; in its destructor if it has not been asked to before.
template <typename T, typename OnDone>
class TellsOnce {
 public:
  explicit TellsOnce(OnDone on_done) : on_done_(std::move(on_done)) {}
  TellsOnce(TellsOnce&& other) noexcept : on_done_(std::exchange(other.on_done_, std::nullopt)) {}
  TellsOnce& operator=(TellsOnce&&) = delete;
  ~TellsOnce() { Tell(Outcome<T>::OfCancellation()); }

  void Tell(Outcome<T> outcome) {
    if (!on_done_.has_value()) return;
    OnDone on_done = *std::exchange(on_done_, std::nullopt);
    on_done(std::move(outcome));
  }

 private:
  std::optional<OnDone> on_done_;
};

template <typename T, typename OnDone>
Root<void> TellOutcome(Task<Outcome<T>> outcome, TellsOnce<T, OnDone> teller) {
  teller.Tell(co_await std::move(outcome));
}

}  // namespace internal

// `awaitable` is moved: it is a Task, or another awaitable that can be moved.
template <Awaitable A, typename OnDone>
  requires(!std::is_lvalue_reference_v<A>)
void Start(RuntimeHandle runtime, A&& awaitable, OnDone on_done) {
  static_assert(std::move_constructible<A>, "it outlives this call: wrap it in a Task");
  auto outcome = internal::OutcomeOf<A>(HeldAwaitable<A>(std::forward<A>(awaitable)));
  internal::TellsOnce<internal::OutcomeType<A>, OnDone> teller(std::move(on_done));
  SpawnOn(runtime, nullptr, internal::TellOutcome(std::move(outcome), std::move(teller))).Detach();
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_START_H_
