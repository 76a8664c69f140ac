// Ahead: what makes items while its consumer does something else: the common part of
// BufferUnordered, Buffered and Merge. Internal.
//
//   Next ──► a result is there ──────────────────────────────────────────────► is handed over
//    │ no                                                                           ▲
//    ▼                                                                              │
//   Begin: adds parts, as many as may run ──► waits until one of them has ended ────┤
//    │ nothing runs                                                                 │
//    ├─ and none will: the end                                                      │
//    └─ and the scope is cancelled: cancelled                                       │
//                                                                                   │
//   cut short: all parts are cancelled, none begins; the results of those that run ─┘
//              come with this Next and the next ones, then one Next is cancelled
//
// Only a Next that finds no result can be cut short. One that finds a result hands it over whatever
// its scope is, and changes nothing for the parts that run.
//
// The parts are those of an Unordered (core/combine/unordered.h): they begin when a Next waits, and
// then go on also between two Nexts. That is why it has a Stop. None of them throws: an exception
// is a result, and thrown by the Next that hands it over.
//
// Threads: inside one task.
// Checked by: tests/core/streams/buffered_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_AHEAD_H_
#define SLUICE_CORE_STREAMS_AHEAD_H_

#include <deque>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/combine/unordered.h"
#include "core/streams/stream.h"
#include "core/task/cancel_scope.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core::internal {

template <typename T>
class Ahead {
 public:
  using Result = Outcome<std::conditional_t<std::is_same_v<T, Unit>, void, T>>;

  Ahead() = default;
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  virtual ~Ahead() = default;

  Task<Item<T>> Next() {
    const Context context = co_await CurrentContext();
    while (results_.empty() || !results_.front().has_value()) {
      if (context.scope->cancelled()) parts_.Cancel();
      if (parts_.empty() && parts_.cancelled()) {
        co_await parts_.Drain();  // what is added to it now is not to be cancelled
        if (context.scope->cancelled()) co_return StreamCancelled();
      }
      if (!parts_.cancelled()) Begin();
      if (parts_.empty()) co_return StreamEnd();
      (void)co_await parts_.Next();
    }
    parts_.DropEnded();
    const PopAtTheEnd pop{results_};
    co_return std::move(results_.front()->value());
  }

  // The results that are there or come are dropped.
  Task<void> StopParts() {
    co_await parts_.Drain();
    results_.clear();
  }

 protected:
  // In the destructor of what the parts borrow.
  void CheckNothingRuns() const {
    SLUICE_CHECK_USE(parts_.empty(),
                     "await Stop() before a stream goes that works ahead and is not at its end");
  }

  // Adds to parts() what may run. Nothing runs then: nothing will.
  virtual void Begin() = 0;

  Unordered<void>& parts() { return parts_; }

  // Its results, in the order in which they are handed over; none: it is still being made.
  std::deque<std::optional<Result>>& results() { return results_; }

 private:
  // Also when the result is an exception.
  struct PopAtTheEnd {
    ~PopAtTheEnd() { results.pop_front(); }
    std::deque<std::optional<Result>>& results;
  };

  Unordered<void> parts_;
  std::deque<std::optional<Result>> results_;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_AHEAD_H_
