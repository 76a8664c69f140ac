// Reports abseil's locks to ThreadSanitizer.
//
// Debian's abseil is compiled without the sanitizer, so TSan sees neither absl::Mutex being taken
// nor released, and would call everything guarded by one a race. The linker option --wrap sends our
// calls through the functions below, which add what TSan misses: "release" before the lock may be
// given up, "acquire" after it has been taken. Conditions are evaluated inside abseil, with the
// lock held but unknown to TSan, so memory accesses are ignored meanwhile.
//
// Linked under --config=tsan only. The mangled names are those of Debian 12's abseil (20220623);
// absl.bzl has the same list.

#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);

namespace {

using absl::Barrier;
using absl::BlockingCounter;
using absl::Condition;
using absl::CondVar;
using absl::Duration;
using absl::Mutex;
using absl::Notification;
using absl::Time;

enum Role { kAcquires = 1, kReleases = 2, kBoth = 3 };

// One call into abseil that takes or gives up `lock`.
class Told {
 public:
  Told(Role role, const void* lock) : role_(role), lock_(const_cast<void*>(lock)) {
    if (role_ & kReleases) __tsan_release(lock_);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~Told() {
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    if (role_ & kAcquires) __tsan_acquire(lock_);
  }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

 private:
  const Role role_;
  void* const lock_;
};

}  // namespace

#define WRAP(role, lock, result, symbol, parameters, arguments) \
  extern "C" result __real_##symbol parameters;                 \
  extern "C" result __wrap_##symbol parameters;                 \
  result __wrap_##symbol parameters {                           \
    Told told(role, lock);                                      \
    return __real_##symbol arguments;                           \
  }

// clang-format off
WRAP(kAcquires, m, void, _ZN4absl7debian35Mutex4LockEv, (Mutex* m), (m))
WRAP(kReleases, m, void, _ZN4absl7debian35Mutex6UnlockEv, (Mutex* m), (m))
WRAP(kAcquires, m, bool, _ZN4absl7debian35Mutex7TryLockEv, (Mutex* m), (m))
WRAP(kAcquires, m, void, _ZN4absl7debian35Mutex10ReaderLockEv, (Mutex* m), (m))
WRAP(kReleases, m, void, _ZN4absl7debian35Mutex12ReaderUnlockEv, (Mutex* m), (m))
WRAP(kAcquires, m, bool, _ZN4absl7debian35Mutex13ReaderTryLockEv, (Mutex* m), (m))
WRAP(kAcquires, m, void, _ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE,
     (Mutex* m, const Condition& c), (m, c))
WRAP(kAcquires, m, bool,
     _ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE,
     (Mutex* m, const Condition& c, Duration d), (m, c, d))
WRAP(kAcquires, m, bool, _ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE,
     (Mutex* m, const Condition& c, Time t), (m, c, t))
WRAP(kBoth, m, void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE,
     (Mutex* m, const Condition& c), (m, c))
WRAP(kBoth, m, bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
     (Mutex* m, const Condition& c, Duration d), (m, c, d))
WRAP(kBoth, m, bool, _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE,
     (Mutex* m, const Condition& c, Time t), (m, c, t))

WRAP(kBoth, m, void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, (CondVar* v, Mutex* m), (v, m))
WRAP(kBoth, m, bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE,
     (CondVar* v, Mutex* m, Duration d), (v, m, d))
WRAP(kBoth, m, bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE,
     (CondVar* v, Mutex* m, Time t), (v, m, t))

WRAP(kReleases, b, bool, _ZN4absl7debian315BlockingCounter14DecrementCountEv,
     (BlockingCounter* b), (b))
WRAP(kAcquires, b, void, _ZN4absl7debian315BlockingCounter4WaitEv, (BlockingCounter* b), (b))
WRAP(kBoth, b, bool, _ZN4absl7debian37Barrier5BlockEv, (Barrier* b), (b))

// HasBeenNotified() is inline and reads the atomic flag behind the notification's mutex.
extern "C" void __real__ZN4absl7debian312Notification6NotifyEv(Notification* n);
extern "C" void __wrap__ZN4absl7debian312Notification6NotifyEv(Notification* n);
void __wrap__ZN4absl7debian312Notification6NotifyEv(Notification* n) {
  __tsan_release(reinterpret_cast<char*>(n) + sizeof(Mutex));
  Told told(kReleases, n);
  __real__ZN4absl7debian312Notification6NotifyEv(n);
}
WRAP(kAcquires, n, void, _ZNK4absl7debian312Notification19WaitForNotificationEv,
     (const Notification* n), (n))
WRAP(kAcquires, n, bool,
     _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE,
     (const Notification* n, Duration d), (n, d))
WRAP(kAcquires, n, bool,
     _ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE,
     (const Notification* n, Time t), (n, t))
