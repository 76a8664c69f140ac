// Gate: one task waits here until a caller, on any thread, has opened it; once.
//
//   CLOSED ── Open ──► OPEN          a waiter is the address of its node; what comes second,
//      └── await ──► waiter ── Open: posts it ──► OPEN          the waiter or Open, sees the other
#ifndef SLUICE_TESTS_CORE_SUPPORT_GATE_H_
#define SLUICE_TESTS_CORE_SUPPORT_GATE_H_

#include <atomic>
#include <coroutine>
#include <cstdint>

#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core::testing {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void Open() {
    const uintptr_t before = state_.exchange(kOpen, std::memory_order_acq_rel);
    if (before <= kOpen) return;
    Wait& waiter = *reinterpret_cast<Wait*>(before);
    waiter.task->Post(waiter);
  }
  bool open() const { return state_.load(std::memory_order_acquire) == kOpen; }

  struct Wait final : Node {
    explicit Wait(Gate& gate) : gate(gate) {}
    bool await_ready() const { return gate.open(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      handle = self;
      task = self.promise().task;
      uintptr_t closed = kClosed;
      return gate.state_.compare_exchange_strong(closed, reinterpret_cast<uintptr_t>(this),
                                                 std::memory_order_acq_rel);
    }
    void await_resume() const {}
    void OnReady() override { handle.resume(); }

    Gate& gate;
    Runnable* task = nullptr;
    std::coroutine_handle<> handle;
  };

  Wait operator co_await() { return Wait(*this); }

 private:
  static constexpr uintptr_t kClosed = 0;
  static constexpr uintptr_t kOpen = 1;
  std::atomic<uintptr_t> state_{kClosed};
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_GATE_H_
