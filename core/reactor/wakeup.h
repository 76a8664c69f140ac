// Wakeup: how other threads end a reactor's wait: an eventfd, to which they write only while the
// owner sleeps.
//
// Threads: Wake any; BeginSleep and EndSleep the owner.
// Checked by: tests/core/reactor/wakeup_test.cc, tests/contract (wake), tests/model (WakeFlag).
#ifndef SLUICE_CORE_REACTOR_WAKEUP_H_
#define SLUICE_CORE_REACTOR_WAKEUP_H_

#include "core/base/result.h"
#include "core/reactor/wake_flag.h"

namespace sluice::core {

class Wakeup {
 public:
  // A descriptor for one.
  static IoResult<int> Open();

  // Takes the descriptor over.
  explicit Wakeup(int fd) : fd_(fd) {}
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup();

  // Becomes readable, with an edge for each signal, and need not be read.
  int fd() const { return fd_; }

  // False: the kernel refused the signal (a sandbox, a lack of memory); if the owner sleeps, it
  // sleeps on.
  bool Wake() { return !flag_.Wake() || Signal(); }

  // False: Wake has been called since the last EndSleep: do not wait.
  bool BeginSleep() { return flag_.BeginSleep(); }
  void EndSleep() { flag_.EndSleep(); }

 private:
  bool Signal();

  const int fd_;
  WakeFlag flag_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_WAKEUP_H_
