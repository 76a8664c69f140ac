#include "core/base/thread_mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::core {

void FutexSleep::Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Woken, interrupted or too late: the caller looks again.
// A lock is no reason for an error of the caller's: errno stays as it is.
void FutexSleep::Wait(Atomic<uint32_t>& word, uint32_t value) {
  const int before = errno;
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr);
  errno = before;
}
void FutexSleep::WakeOne(Atomic<uint32_t>& word) {
  const int before = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
  errno = before;
}

}  // namespace sluice::core
