// Mutex<T>: a value that one task at a time may use, also across a co_await.
//
//     core::Mutex<std::vector<Account>> accounts;
//
//     core::Task<void> Add(Account account) {
//       auto guard = co_await accounts.Lock();
//       if (!guard.ok()) co_return;          // ECANCELED: the scope was cancelled, nothing is held
//       co_await Check(account);             // others wait meanwhile; their workers do not
//       (*guard)->push_back(account);
//     }                                      // unlocked here
//
// It owns the value, so no code can use that without the lock. Fair: first in, first out, and
// TryLock does not overtake a task that waits. Not recursive: a task that locks it twice waits for
// itself, for ever. Where no co_await comes between, an absl::Mutex is as good and blocks nothing
// for long.
//
// It is a Semaphore of one permit (core/sync/semaphore.h, where the protocol is), as in Tokio:
// locking one that is free is one compare-exchange, and so is unlocking when no task waits.
//
// Threads: any; Lock inside a task; a guard may go in another thread than it was taken in.
// Checked by: tests/core/sync/mutex_test.cc, tests/model/semaphore_model_test.cc.
#ifndef SLUICE_CORE_SYNC_MUTEX_H_
#define SLUICE_CORE_SYNC_MUTEX_H_

#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/sync/lock_guard.h"
#include "core/sync/semaphore.h"

namespace sluice::core {

template <typename T>
class Mutex {
 public:
  using Guard = LockGuard<T>;

  // The value is made of `arguments`.
  template <typename... Arguments>
  explicit Mutex(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() {
    SLUICE_CHECK_USE(
        turn_.available() == 1,
        "this Mutex is still locked: let its guards and the tasks that wait end first");
  }

  // `IoResult<Guard> guard = co_await mutex.Lock();`
  LockAwaiter<T> Lock() { return LockAwaiter<T>(turn_, 1, value_); }

  // Nothing if it is locked or a task waits for it.
  std::optional<Guard> TryLock() {
    std::optional<Semaphore::Permit> permit = turn_.TryAcquire();
    if (!permit.has_value()) return std::nullopt;
    return Guard(*std::move(permit), value_);
  }

  // For tests and logs: how many tasks wait; it may be another a moment later.
  size_t waiting() const { return turn_.waiting(); }

 private:
  Semaphore turn_{1};
  T value_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_MUTEX_H_
