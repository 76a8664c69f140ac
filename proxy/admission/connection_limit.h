// ConnectionLimit: how many connections may be open; LimitSlot: the place one of them takes.
//
// count_ is never above max, not even for a moment: it is raised only by a CAS from below max.
// Who wants to wait for room registers under the mutex; a release that finds `waited_for_` set
// wakes the oldest waiter, which tries again.
//
// No lost wake-up (Dekker): a waiter registers, sets waited_for_, fences and tries once more; a
// release lowers count_, fences and looks at waited_for_.
// Threads: any. Checked by: tests/proxy/admission/connection_limit_test.cc, tests/model.
#ifndef SLUICE_PROXY_ADMISSION_CONNECTION_LIMIT_H_
#define SLUICE_PROXY_ADMISSION_CONNECTION_LIMIT_H_

#include <coroutine>
#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"
#include "core/task/waiter_list.h"

namespace sluice::proxy {

class ConnectionLimit {
 public:
  // `max` 0: no limit.
  explicit ConnectionLimit(uint32_t max) : max_(max == 0 ? UINT32_MAX : max) {}
  ~ConnectionLimit() { SLUICE_DCHECK(count() == 0); }

  bool TryAcquire() {
    uint32_t count = count_.load(std::memory_order_relaxed);
    do {
      if (count >= max_) return false;
    } while (!count_.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    return true;
  }

  void Release() {
    const uint32_t before = count_.fetch_sub(1, std::memory_order_acq_rel);
    SLUICE_DCHECK(before > 0);
    (void)before;
    core::AtomicFence(std::memory_order_seq_cst);
    if (waited_for_.load(std::memory_order_relaxed)) WakeOne();
  }

  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  uint32_t max() const { return max_; }
  bool full() const { return count() >= max_; }

  // `co_await limit.Room()`: until there may be room, or the scope is cancelled. Then TryAcquire,
  // or PassOn.
  class RoomAwaiter;
  RoomAwaiter Room();

  // Whoever has been told of room and does not take it lets the next one know.
  void PassOn() {
    if (!full()) WakeOne();
  }

 private:
  bool Register(RoomAwaiter& waiter);
  bool Unregister(RoomAwaiter& waiter);
  void WakeOne();

  const uint32_t max_;
  alignas(64) core::Atomic<uint32_t> count_{0};
  core::Atomic<bool> waited_for_{false};
  absl::Mutex mutex_;
  core::WaiterList<RoomAwaiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

class ConnectionLimit::RoomAwaiter final : public core::Waiter {
 public:
  explicit RoomAwaiter(ConnectionLimit& limit) : limit_(limit) {}
  bool await_ready() const { return !limit_.full(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    core::PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) return false;
    task_ = promise.task;
    waiter_ = handle;
    if (!limit_.Register(*this)) return false;
    scope_ = promise.scope;
    scope_->Enter(*this);
    return true;
  }
  void await_resume() {
    if (scope_ != nullptr) scope_->Leave(*this);
  }
  void OnReady() override { waiter_.resume(); }
  void Cancel() override {
    if (limit_.Unregister(*this)) task_->Post(*this);
  }

  RoomAwaiter* previous = nullptr;  // WaiterList's

 private:
  friend class ConnectionLimit;
  ConnectionLimit& limit_;
  core::Runnable* task_ = nullptr;
  core::CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

inline ConnectionLimit::RoomAwaiter ConnectionLimit::Room() { return RoomAwaiter(*this); }

// Places in up to two limits, given back when it goes.
class LimitSlot {
 public:
  LimitSlot() = default;
  LimitSlot(LimitSlot&& other) noexcept
      : global_(std::exchange(other.global_, nullptr)), own_(std::exchange(other.own_, nullptr)) {}
  LimitSlot& operator=(LimitSlot&& other) noexcept {
    std::swap(global_, other.global_);
    std::swap(own_, other.own_);
    return *this;
  }
  ~LimitSlot() {
    if (own_ != nullptr) own_->Release();
    if (global_ != nullptr) global_->Release();
  }

  // The one that has no free slot, or null.
  static ConnectionLimit* FindFull(ConnectionLimit& global, ConnectionLimit& own) {
    return global.full() ? &global : own.full() ? &own : nullptr;
  }

  // Both or none. On failure `full` is the one that had no room.
  static LimitSlot TryAcquire(ConnectionLimit& global, ConnectionLimit& own,
                              ConnectionLimit*& full) {
    LimitSlot slot;
    // Looked at before anything is taken: a crowd that is over its own limit would else hold places
    // of all, each for a moment, and others would be refused for nothing.
    full = FindFull(global, own);
    if (full != nullptr) return slot;
    full = &global;
    if (!global.TryAcquire()) return slot;
    slot.global_ = &global;
    full = &own;
    if (!own.TryAcquire()) return LimitSlot();  // gives the global one back
    slot.own_ = &own;
    full = nullptr;
    return slot;
  }

 private:
  ConnectionLimit* global_ = nullptr;
  ConnectionLimit* own_ = nullptr;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_CONNECTION_LIMIT_H_
