// ConnectionLimit: how many connections may be open; LimitSlot: the slots that one of them holds.
//
// count_ is never above max, not even for a moment: it is raised only by a CAS from below max. (A
// max that is lowered ends no connection: none begins until enough have ended.)
// A task that waits for a free slot is put into a list under the mutex; a release that finds the
// list not empty wakes the one that has waited longest, which then tries again.
//
// No wake-up is lost (Dekker): a waiter enters the list, fences and looks at count_ once more; a
// release lowers count_, fences and looks at the size of the list. Another max is a release, too.
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
#include "core/sync/wait_list.h"

namespace sluice::proxy {

class ConnectionLimit {
 public:
  // `max` 0: no limit.
  explicit ConnectionLimit(uint32_t max) : max_(OrUnlimited(max)) {}
  ~ConnectionLimit() { SLUICE_CHECK(count() == 0); }  // nothing holds a slot of it

  // Takes a slot. Returns false if none is free.
  bool TryAcquire() {
    const uint32_t max = this->max();
    uint32_t count = count_.load(std::memory_order_relaxed);
    do {
      if (count >= max) return false;
    } while (!count_.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    return true;
  }

  void Release() {
    const uint32_t before = count_.fetch_sub(1, std::memory_order_acq_rel);
    SLUICE_DCHECK(before > 0);
    (void)before;
    core::AtomicFence(std::memory_order_seq_cst);
    if (waiters_.size() != 0) WakeOne();
  }

  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  bool exhausted() const { return count() >= max(); }

  // From now on. One thread at a time.
  void set_max(uint32_t max);

  // `co_await limit.FreeSlot()`: until there may be a free slot, or the scope is cancelled. Then
  // TryAcquire, or PassOn.
  class FreeSlotAwaiter;
  FreeSlotAwaiter FreeSlot();

  // A waiter that has been woken and takes no slot wakes the next one.
  void PassOn() {
    if (!exhausted()) WakeOne();
  }

 private:
  static uint32_t OrUnlimited(uint32_t max) { return max == 0 ? UINT32_MAX : max; }
  bool QueueIfExhausted(FreeSlotAwaiter& waiter);
  void WakeOne();

  core::Atomic<uint32_t> max_;
  alignas(64) core::Atomic<uint32_t> count_{0};
  absl::Mutex mutex_;
  core::WaitList<FreeSlotAwaiter> waiters_{mutex_};  // changed under mutex_
};

class ConnectionLimit::FreeSlotAwaiter final : public core::WaitAwaiter {
 public:
  explicit FreeSlotAwaiter(ConnectionLimit& limit) : limit_(limit) {}
  bool await_ready() const { return !limit_.exhausted(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] { return limit_.QueueIfExhausted(*this); });
  }
  void await_resume() { Resumed(); }

 private:
  ConnectionLimit& limit_;
};

inline ConnectionLimit::FreeSlotAwaiter ConnectionLimit::FreeSlot() {
  return FreeSlotAwaiter(*this);
}

// Slots in up to two limits, given back when it goes.
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

  // The limit that has no free slot, or null.
  static ConnectionLimit* FindExhausted(ConnectionLimit& global, ConnectionLimit& own) {
    return global.exhausted() ? &global : own.exhausted() ? &own : nullptr;
  }

  // A slot of both limits, or of none: then `exhausted` is the one that had none free.
  static LimitSlot TryAcquire(ConnectionLimit& global, ConnectionLimit& own,
                              ConnectionLimit*& exhausted) {
    LimitSlot slot;
    // Looked at before anything is taken: else a crowd over its own limit would hold global slots,
    // each for a moment, and connections of other listeners would be rejected for nothing.
    exhausted = FindExhausted(global, own);
    if (exhausted != nullptr) return slot;
    exhausted = &global;
    if (!global.TryAcquire()) return slot;
    slot.global_ = &global;
    exhausted = &own;
    if (!own.TryAcquire()) return LimitSlot();  // gives the global one back
    slot.own_ = &own;
    exhausted = nullptr;
    return slot;
  }

 private:
  ConnectionLimit* global_ = nullptr;
  ConnectionLimit* own_ = nullptr;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_CONNECTION_LIMIT_H_
