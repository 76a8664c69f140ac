// BlockingCalls: threads that make the system calls of ops which may wait for a disk, for a backend
// that only knows readiness.
//
//   QUEUED ── a thread is free or may be started ──► RUNNING ── the call returns ──► POSTED: Retry
//      │                                                                             ends the op
//      └── Withdraw: true ──► OUT: it will not be made, and nothing is posted
//
// A call that runs cannot be cut short: the op ends when it has returned, and says what it brought.
// The runtime's BlockingPool is one. Threads: Begin and Withdraw in the op's task, on any worker.
// Checked by: tests/contract (file_test), tests/core/runtime/blocking_test.cc.
#ifndef SLUICE_CORE_REACTOR_BLOCKING_CALLS_H_
#define SLUICE_CORE_REACTOR_BLOCKING_CALLS_H_

#include "core/reactor/op.h"

namespace sluice::core {

class BlockingCalls {
 public:
  // Takes the op, has CallFor(op) tell its result on another thread, sets `retry` and posts it.
  // False: there is no thread, and it has not been taken.
  virtual bool Begin(Op& op) = 0;
  // True: the op was still queued, and is the caller's again.
  virtual bool Withdraw(Op& op) = 0;

 protected:
  ~BlockingCalls() = default;
};

// The system call of a read, a write or an open, again after EINTR. Its result: a count of bytes, a
// descriptor (close-on-exec), or a negative errno.
int32_t CallFor(const FileOp& op);

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_BLOCKING_CALLS_H_
