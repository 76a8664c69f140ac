// Generator<T>: a coroutine that makes a stream of T, one `co_yield` an item.
//
//     Generator<Page> Pages(Client& client) {
//       for (int number = 1;; ++number) {
//         IoResult<Page> page = co_await client.Get(number);
//         if (!page.ok()) co_return;                      // the end
//         co_yield std::move(*page);
//       }
//     }
//
//     auto pages = Pages(client);
//     while (auto page = co_await pages.Next()) Show(*page);
//
// It is lazy: it runs only while a Next waits for it, as a part of that task, and it awaits what
// any coroutine awaits. Its frame comes from where a Task's does, and there is no allocation for an
// item. An exception that leaves it is thrown by that Next, and is the end.
//
//                 Next, from then on                co_yield: Next brings the item
//   FRESH ──────────────────────► RUNNING ───────────────────────────────► YIELDED
//     │                            │  ▲  │                                   │  │
//     │   co_return, an exception  │  └──│───────────────────── Next ────────┘  │
//     │            ENDED ◄─────────┘     └─► YIELDED: co_yield kCutShort        │
//     ▼              ▼                       (Next is cancelled, not ended)     ▼
//   destroyed at any time in these states: its locals go, in the reverse order ─┘
//
// Cancelled: what it awaits is part of the Next that waits for it, and is cancelled with that. It
// goes on from there as any coroutine does, and the Next ends when it has reached a co_yield or its
// end:
//
//     co_yield value;        is handed over, though the Next was cancelled
//     co_yield kCutShort;    there is nothing to hand over: that Next is cancelled, and the next
//                            one goes on behind it. Nothing is lost, if it has dropped nothing
//     co_return;             a generator that just gives up. The Next is cancelled, then comes the
//                            end: right where the consumer gives up, too
//
// A Next that begins in a cancelled scope does not run it at all. To wait for the next item or
// something else without cutting it short, use a SelectLoop (core/task/select_loop.h), or Merge.
//
// Destroyed early: there is no asynchronous destructor, and none is needed: between two Nexts
// nothing of it is in flight. It stands at a co_yield, and its locals are destroyed there. What it
// would have to await then (a farewell to a server) has to be asked for before: by a parameter that
// the consumer sets, and one more Next.
//
// Threads: inside one task at a time. Checked by: tests/core/streams/generator_test.cc.
#ifndef SLUICE_CORE_STREAMS_GENERATOR_H_
#define SLUICE_CORE_STREAMS_GENERATOR_H_

#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/streams/stream.h"
#include "core/task/cancel_scope.h"
#include "core/task/node_queue.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core {

// See above.
struct CutShort {};
inline constexpr CutShort kCutShort;

template <typename T>
class [[nodiscard]] Generator {
  static_assert(!std::is_reference_v<T>, "items are handed over: use a pointer");

 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Generator() = default;  // can only be assigned to
  Generator(Generator&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Generator& operator=(Generator&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Generator() {
    if (!handle_) return;
    SLUICE_CHECK_USE(!handle_.promise().running,
                     "a Generator goes only while no Next waits for it");
    handle_.destroy();
  }

  class NextAwaiter;
  // `Item<T> item = co_await generator.Next();`
  NextAwaiter Next() {
    SLUICE_CHECK_USE(handle_, "this generator was moved from");
    return NextAwaiter(handle_);
  }

 private:
  explicit Generator(Handle handle) : handle_(handle) {}

  Handle handle_;
};

template <typename T>
struct Generator<T>::promise_type : AwaitedPromise {
  T* yielded = nullptr;  // in the coroutine's frame, while it stands at that co_yield
  bool running = false;

  // Back to the Next that waits.
  struct Handover {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle self) noexcept {
      return self.promise().successor.Next();
    }
    void await_resume() const noexcept {}
  };
  // Of a copy.
  struct HandoverOfCopy : Handover {
    explicit HandoverOfCopy(const T& value) : copy(value) {}
    std::coroutine_handle<> await_suspend(Handle self) noexcept {
      self.promise().yielded = std::addressof(copy);
      return Handover::await_suspend(self);
    }
    T copy;
  };

  Generator get_return_object() { return Generator(Handle::from_promise(*this)); }
  void return_void() {}

  Handover yield_value(T&& value) noexcept {
    yielded = std::addressof(value);
    return {};
  }
  HandoverOfCopy yield_value(const T& value)
    requires std::copy_constructible<T>
  {
    return HandoverOfCopy(value);
  }
  Handover yield_value(CutShort) noexcept { return {}; }
};

template <typename T>
class [[nodiscard]] Generator<T>::NextAwaiter final : public Node {
 public:
  explicit NextAwaiter(Handle handle) : handle_(handle) {}

  bool await_ready() const noexcept { return handle_.done(); }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> consumer) noexcept {
    PromiseBase& own = consumer.promise();
    scope_ = own.scope;
    if (scope_->cancelled()) return consumer;
    SLUICE_CHECK_USE(!handle_.promise().running, "await one Next() of a Generator at a time");
    ran_ = true;
    handle_.promise().running = true;
    handle_.promise().task = own.task;
    handle_.promise().scope = own.scope;
    handle_.promise().successor.Set(consumer);
    if (own.task->ConsumeBudget()) return handle_;
    own.task->Post(*this);  // a loop that never has to wait lets others run all the same
    return std::noop_coroutine();
  }
  Item<T> await_resume() {
    promise_type& promise = handle_.promise();
    if (!ran_) return scope_ == nullptr ? Item<T>(StreamEnd()) : Item<T>(StreamCancelled());
    promise.running = false;
    promise.RethrowIfFailed();
    if (T* const value = std::exchange(promise.yielded, nullptr)) return std::move(*value);
    if (scope_->cancelled() || !handle_.done()) return StreamCancelled();
    return StreamEnd();
  }

  void OnReady() override { handle_.resume(); }

 private:
  const Handle handle_;
  CancelScope* scope_ = nullptr;
  bool ran_ = false;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_GENERATOR_H_
