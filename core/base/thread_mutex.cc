#include "core/base/thread_mutex.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <iterator>
#include <mutex>

namespace sluice::core {
namespace {

// A lock is no reason for an error of the caller's.
class ErrnoStays {
 public:
  ErrnoStays() = default;
  ErrnoStays(const ErrnoStays&) = delete;
  ErrnoStays& operator=(const ErrnoStays&) = delete;
  ~ErrnoStays() { errno = before_; }

 private:
  const int before_ = errno;
};

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

constinit std::once_flag prepared;
constinit volatile size_t prepared_counts = 0;
constinit std::once_flag lost;

// Whether there is a heavy fence. It may be taken away: by a filter of system calls that comes
// later. Then an Unlock that is under way at that moment may overlook a thread that goes to sleep
// without its fence, for kLookAgain at most.
enum class Heavy : uint8_t { kNo, kYes, kLost };
constinit std::atomic<Heavy> heavy = Heavy::kNo;

constexpr timespec kLookAgain = {.tv_sec = 0, .tv_nsec = 5'000'000};

}  // namespace

constinit FutexSleep::Sleepers FutexSleep::sleepers_[kCounts];

void FutexSleep::Prepare() {
  std::call_once(prepared, [] {
    if (!Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return;
    heavy.store(Heavy::kYes);
    // A child of fork begins again if that came in between: what has been taken stays taken.
    while (prepared_counts < std::size(sleepers_)) {
      Sleepers& next = sleepers_[prepared_counts];
      prepared_counts = prepared_counts + 1;
      next.count.fetch_sub(1);
    }
  });
}

bool FutexSleep::HeavyFence() {
  const ErrnoStays stays;
  Prepare();
  if (heavy.load() == Heavy::kYes) {
    if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
    // The counts first: who reads kLost finds one too many, and who reads kYes wakes in any case.
    std::call_once(lost, [] {
      for (Sleepers& each : sleepers_) each.count.fetch_add(1);
      heavy.store(Heavy::kLost);
    });
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return false;
}

void FutexSleep::Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // yield does nothing on most
#endif
}

// Woken, interrupted or too late: the caller looks again.
void FutexSleep::Wait(Atomic<uint32_t>& word, uint32_t value) {
  const ErrnoStays stays;
  const timespec* const limit = heavy.load() == Heavy::kLost ? &kLookAgain : nullptr;
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, limit);
}

// The mutex may be gone by now: its address is all that is used.
void FutexSleep::WakeOne(Atomic<uint32_t>& word) {
  const ErrnoStays stays;
  Prepare();
  if (heavy.load() != Heavy::kYes) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (static_cast<uint32_t>(SleepersOf(word).load(std::memory_order_relaxed)) <= 1) return;
  }
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace sluice::core
