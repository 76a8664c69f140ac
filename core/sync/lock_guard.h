// LockGuard<T>: what a task holds while it has a Mutex<T> or an RwLock<T>: the way to the value,
// and the lock, which goes with it.
//
//     auto guard = co_await accounts.Lock();
//     if (!guard.ok()) co_return;                // ECANCELED
//     (*guard)->push_back(account);              // *guard is the LockGuard, **guard the value
//     guard->Unlock();                           // or when it goes
//
// Map leads to a part of the value and keeps the lock of all of it:
//
//     auto first = std::move(*guard).Map([](auto& all) -> Account& { return all.front(); });
//
// Threads: one at a time, any: it may be moved to another thread and go there. The lock outlives
// it.
// Checked by: tests/core/sync/mutex_test.cc, tests/core/sync/rw_lock_test.cc.
#ifndef SLUICE_CORE_SYNC_LOCK_GUARD_H_
#define SLUICE_CORE_SYNC_LOCK_GUARD_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/sync/semaphore.h"

namespace sluice::core {

template <typename T>
class Mutex;
template <typename T>
class RwLock;

// T is const where the lock is shared with others.
template <typename T>
class [[nodiscard]] LockGuard {
 public:
  LockGuard() = default;  // holds nothing
  LockGuard(LockGuard&& other) noexcept = default;
  LockGuard& operator=(LockGuard&& other) noexcept = default;

  // Whether it holds the lock: neither moved from nor unlocked.
  bool held() const { return permit_.count() != 0; }

  T& operator*() const {
    CheckHeld();
    return *value_;
  }
  T* operator->() const { return &**this; }

  // Lets go of the lock now; once.
  void Unlock() {
    CheckHeld();
    permit_.Release();
  }

  // `part(value)` returns a reference into the value.
  template <typename Part>
  auto Map(Part part) && {
    CheckHeld();
    auto& chosen = part(*value_);
    return LockGuard<std::remove_reference_t<decltype(chosen)>>(std::move(permit_), chosen);
  }

 private:
  template <typename>
  friend class LockGuard;
  template <typename>
  friend class LockAwaiter;
  template <typename>
  friend class Mutex;
  template <typename>
  friend class RwLock;

  LockGuard(Semaphore::Permit permit, T& value) : permit_(std::move(permit)), value_(&value) {}

  void CheckHeld() const {
    SLUICE_CHECK_USE(held(), "this guard holds no lock: do not use one that was moved or unlocked");
  }

  Semaphore::Permit permit_;
  T* value_ = nullptr;
};

// `IoResult<LockGuard<T>> guard = co_await lock.Lock();`
template <typename T>
class [[nodiscard]] LockAwaiter final : public PermitAwaiter {
 public:
  LockAwaiter(Semaphore& turn, size_t count, T& value)
      : PermitAwaiter(turn, count), value_(value) {}

  IoResult<LockGuard<T>> await_resume() {
    if (const int error = TakeError(); error != 0) return IoError(error);
    return LockGuard<T>(TakePermit(), value_);
  }

 private:
  T& value_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_LOCK_GUARD_H_
