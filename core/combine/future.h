// ToFuture and FromFuture: between tasks and the std::future of foreign code.
//
//     std::future<Entry> entry = ToFuture(runtime.handle(), Lookup(name));    // on any thread
//     Show(entry.get());                              // on a thread of its own: it blocks
//
//     Outcome<Entry> entry = co_await FromFuture(library.Lookup(name));       // inside a task
//
//   ToFuture     spawns a small task that awaits it; the future gets the value or the exception,
//                Cancelled if it gave up
//   FromFuture   a std::future calls nothing when it is ready, so a thread of the runtime's pool
//                for blocking calls waits for it (core/runtime/blocking_pool.h). Cancelled before
//                that thread has begun to wait, the outcome is cancelled and the future is dropped;
//                afterwards it waits for the end. Many at once take as many threads: where the
//                foreign code can call back, FromCallback takes none
//
// Never call get() or wait() of a future of ToFuture inside a task: that blocks the worker that may
// have to make its value.
//
// Threads: ToFuture any, while the runtime runs; FromFuture inside a task.
// Checked by: tests/core/combine/future_test.cc.
#ifndef SLUICE_CORE_COMBINE_FUTURE_H_
#define SLUICE_CORE_COMBINE_FUTURE_H_

#include <exception>
#include <future>
#include <type_traits>
#include <utility>

#include "core/combine/start.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/handle.h"
#include "core/task/awaitable.h"
#include "core/task/outcome.h"

namespace sluice::core {

template <Awaitable A>
  requires(!std::is_lvalue_reference_v<A>)
std::future<internal::OutcomeType<A>> ToFuture(RuntimeHandle runtime, A&& awaitable) {
  using T = internal::OutcomeType<A>;
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  Start(runtime, std::forward<A>(awaitable),
        [promise = std::move(promise)](Outcome<T> outcome) mutable {
          try {
            if constexpr (std::is_void_v<T>) {
              (void)outcome.value();
              promise.set_value();
            } else {
              promise.set_value(std::move(outcome).value());
            }
          } catch (...) {
            promise.set_exception(std::current_exception());
          }
        });
  return future;
}

// `Outcome<T> outcome = co_await FromFuture(std::move(future));`
template <typename T>
auto FromFuture(std::future<T> future) {
  return RunBlocking([future = std::move(future)]() mutable -> T { return future.get(); });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_FUTURE_H_
