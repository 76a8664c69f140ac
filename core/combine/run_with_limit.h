// RunWithLimit: does something for each element of a range, at most so many at a time.
//
//     size_t fetched = co_await RunWithLimit(5, urls, [&](const Url& url) -> Task<void> {
//       pages.push_back(co_await Fetch(url));
//     });
//
// All of it happens inside one task: the calls may borrow what is around them, and need no lock.
// An element is taken from the range only when its call may begin, so a range that makes its
// elements as it goes may be endless. A lambda's captures live as long as RunWithLimit; what a call
// gets by reference lives as long as the range's element.
//
// Each call counts as a step of the task's turn: calls that never wait let other tasks run all the
// same. When the scope is cancelled, the calls that run are, and no other begins. When a call
// throws, the same, and the first exception goes on once all have ended. An error that is a value
// (IoResult) is none: the call deals with it.
//
// Brings how many calls have ended without an exception. Threads: inside one task.
// Checked by: tests/core/combine/run_with_limit_test.cc.
#ifndef SLUICE_CORE_COMBINE_RUN_WITH_LIMIT_H_
#define SLUICE_CORE_COMBINE_RUN_WITH_LIMIT_H_

#include <cstddef>
#include <exception>
#include <iterator>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/combine/unordered.h"
#include "core/task/awaitable.h"
#include "core/task/task.h"
#include "core/task/yield.h"

namespace sluice::core {

namespace internal {

template <typename Element, typename Call>
Task<void> CallAndDrop(Call& call, Element element) {
  (void)co_await call(static_cast<Element&&>(element));
}
// Element: T& where the range has its elements, T where it makes them.
template <typename Element, typename Call>
Task<void> CallFor(Call& call, Element&& element) {
  if constexpr (std::is_same_v<std::invoke_result_t<Call&, Element>, Task<void>>) {
    return call(std::forward<Element>(element));
  } else {
    return CallAndDrop<Element>(call, std::forward<Element>(element));
  }
}

// Range: T& for an lvalue, T for an rvalue.
template <typename Range, typename Call>
Task<size_t> RunWithLimit(size_t limit, Range range, Call call) {
  const Context context = co_await CurrentContext();
  Unordered<void> running;
  size_t ended = 0;
  std::exception_ptr thrown;
  auto next = std::begin(range);
  const auto end = std::end(range);
  for (;;) {
    try {
      while (thrown == nullptr && !context.scope->cancelled() && running.size() < limit &&
             next != end) {
        if (!context.task->ConsumeBudget()) {
          co_await Yield();  // behind which it may be cancelled
          continue;
        }
        running.Add(CallFor<decltype(*next)>(call, *next));
        ++next;
      }
      if (running.empty()) break;
      (void)co_await running.Next();
      ++ended;
    } catch (...) {
      if (thrown == nullptr) thrown = std::current_exception();
      running.Cancel();
    }
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
  co_return ended;
}

}  // namespace internal

// `call(element)` brings an awaitable, as a rule a Task<void>; its value is dropped. A range that
// is an lvalue is borrowed, any other is moved into it.
template <typename Range, typename Call>
Task<size_t> RunWithLimit(size_t limit, Range&& range, Call call) {
  SLUICE_CHECK_USE(limit > 0, "a limit of 0 lets nothing begin: give RunWithLimit at least 1");
  return internal::RunWithLimit<Range, Call>(limit, std::forward<Range>(range), std::move(call));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_RUN_WITH_LIMIT_H_
