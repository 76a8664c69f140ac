// RwLock<T>: a value that many tasks may read at once, or one may change, also across a co_await.
//
//     core::RwLock<Routes> routes;
//
//     core::Task<void> Look() {
//       auto read = co_await routes.Read();    // others read, too
//       if (!read.ok()) co_return;             // ECANCELED
//       Use((*read)->Find("a"));               // a const Routes
//     }
//     core::Task<void> Change() {
//       auto write = co_await routes.Write();  // alone
//       if (write.ok()) (*write)->Add("b");
//     }
//
// Fair: first in, first out. A writer that waits is not overtaken: readers that come behind it wait
// until it has written, so no stream of readers starves it, and readers between two writers have
// their turn as well. Therefore a task that reads and waits to read once more may wait for ever: a
// writer between waits for the first read to end. Read once, or hand the guard down.
//
// It is a Semaphore of kMaxReaders permits (core/sync/semaphore.h), as in Tokio: a reader takes
// one, a writer all. Reading and writing are one compare-exchange each when no task waits; readers
// on many workers share that one word, so what is read all the time and hardly ever changed is
// better published as a whole (an IntrusivePtr).
//
// Threads: any; Read and Write inside a task; a guard may go in another thread.
// Checked by: tests/core/sync/rw_lock_test.cc, tests/model/semaphore_model_test.cc.
#ifndef SLUICE_CORE_SYNC_RW_LOCK_H_
#define SLUICE_CORE_SYNC_RW_LOCK_H_

#include <cstddef>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/sync/lock_guard.h"
#include "core/sync/semaphore.h"

namespace sluice::core {

template <typename T>
class RwLock {
 public:
  using ReadGuard = LockGuard<const T>;
  using WriteGuard = LockGuard<T>;

  // A reader beyond these waits until another one has gone.
  static constexpr size_t kMaxReaders = size_t{1} << 30;

  // The value is made of `arguments`.
  template <typename... Arguments>
  explicit RwLock(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;
  ~RwLock() {
    SLUICE_CHECK_USE(turn_.available() == kMaxReaders,
                     "this RwLock is still held: let its guards and the tasks that wait end first");
  }

  // `IoResult<ReadGuard> guard = co_await lock.Read();`
  LockAwaiter<const T> Read() { return LockAwaiter<const T>(turn_, 1, value_); }
  // `IoResult<WriteGuard> guard = co_await lock.Write();`
  LockAwaiter<T> Write() { return LockAwaiter<T>(turn_, kMaxReaders, value_); }

  // Nothing if a task writes or waits.
  std::optional<ReadGuard> TryRead() { return Try<const T>(1); }
  // Nothing if a task reads, writes or waits.
  std::optional<WriteGuard> TryWrite() { return Try<T>(kMaxReaders); }

  // From writing to reading, with no writer between. Readers that are next in the queue join it.
  static ReadGuard Downgrade(WriteGuard guard) {
    guard.CheckHeld();
    SLUICE_CHECK_USE(guard.permit_.count() == kMaxReaders,
                     "only a guard of Write can be downgraded");
    ReadGuard read(guard.permit_.Split(1), *guard.value_);
    guard.Unlock();
    return read;
  }

  // For tests and logs: how many tasks wait; it may be another a moment later.
  size_t waiting() const { return turn_.waiting(); }

 private:
  template <typename U>
  std::optional<LockGuard<U>> Try(size_t count) {
    std::optional<Semaphore::Permit> permit = turn_.TryAcquire(count);
    if (!permit.has_value()) return std::nullopt;
    return LockGuard<U>(*std::move(permit), value_);
  }

  Semaphore turn_{kMaxReaders};
  T value_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_RW_LOCK_H_
