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

#include <coroutine>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/combine/unordered.h"
#include "core/streams/stream.h"
#include "core/task/cancel_scope.h"
#include "core/task/outcome.h"
#include "core/task/runnable.h"
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

  class NextAwaiter;
  NextAwaiter Next() { return NextAwaiter(*this); }

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
  bool HasResult() const { return !results_.empty() && results_.front().has_value(); }

  Unordered<void> parts_;
  std::deque<std::optional<Result>> results_;
};

// It is no coroutine: there is one for each call already.
template <typename T>
class [[nodiscard]] Ahead<T>::NextAwaiter final : public Unordered<void>::Waiting {
 public:
  explicit NextAwaiter(Ahead& ahead) : Unordered<void>::Waiting(ahead.parts_), ahead_(ahead) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    parent_ = parent;
    task_ = parent.promise().task;
    scope_ = parent.promise().scope;
    return Waits();
  }
  Item<T> await_resume() {
    if (cancelled_) return StreamCancelled();
    if (!ahead_.HasResult()) return StreamEnd();
    ahead_.parts_.DropEnded();
    const PopAtTheEnd pop{ahead_.results_};
    return std::move(ahead_.results_.front()->value());
  }

  void OnReady() override { PartEnded().resume(); }

 private:
  // Also when the result is an exception.
  struct PopAtTheEnd {
    ~PopAtTheEnd() { results.pop_front(); }
    std::deque<std::optional<Result>>& results;
  };

  std::coroutine_handle<> PartEnded() override {
    this->End();
    return Waits() ? std::noop_coroutine() : parent_;
  }

  // Until there is a result, or will be none.
  bool Waits() {
    Unordered<void>& parts = ahead_.parts_;
    while (!ahead_.HasResult()) {
      if (scope_->cancelled()) parts.Cancel();
      if (parts.empty() && parts.cancelled()) {
        parts.Renew();
        cancelled_ = scope_->cancelled();
        if (cancelled_) return false;
      }
      if (!parts.cancelled()) ahead_.Begin();
      if (parts.empty()) return false;
      if (this->Begin(task_, scope_)) return true;
      this->End();
      parts.DropEnded();
    }
    return false;
  }

  Ahead& ahead_;
  std::coroutine_handle<> parent_;
  Runnable* task_ = nullptr;
  CancelScope* scope_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_AHEAD_H_
