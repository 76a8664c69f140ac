// Attempt: a system call on a descriptor that is made when the kernel is ready for it: write from
// several buffers, accept, read a pipe. Lane: one direction of the object that has the
// descriptor.
//
//             it succeeds, or fails
//   BEGUN ── Try ───────────────────────────────► DONE: the coroutine goes on
//     │       │ EAGAIN                             ▲  ▲
//     │       ▼                    ready: Try      │  │ the scope is cancelled: ECANCELED
//     └────► WAITS (a poll in flight) ─────────────┘  │
//  drained    │ ▲ └──────────────────────────────────┘
//             └─┘ EAGAIN: ready no more; each eighth time the poll begins with a pause of 10 ms
//
// Ready and yet EAGAIN: another one was faster. Or that lasts, and nothing tells when it ends: the
// kernel is short of memory for sockets, or the socket queues errors that a poll tells. The pause
// keeps that from using the processor, and the reactor makes it, whose poll can be cancelled.
//
// The call is always made by the task itself, never by the kernel on its behalf. So nothing of the
// caller's memory is on loan while the task waits, and a wait that is cut short has moved nothing:
// what would have been read is still in the kernel. Either backend's poll tells when to try.
//
// It costs a system call more than what the kernel does itself: socket_attempts.h.
//
// Invariants
//   A1  A lane has one attempt at a time (checked), and does not move meanwhile (checked).
//   A2  Between two attempts nothing is in flight.
// Threads: inside one task. Checked by: tests/core/io/stream_test.cc,
// tests/core/io/stream_cancel_test.cc.
#ifndef SLUICE_CORE_IO_ATTEMPT_H_
#define SLUICE_CORE_IO_ATTEMPT_H_

#include <cerrno>
#include <coroutine>
#include <cstdint>

#include "core/base/check.h"
#include "core/io/op_wait.h"
#include "core/reactor/op.h"
#include "core/task/task.h"

namespace sluice::core {

struct Lane {
  void Enter() {
    SLUICE_CHECK_USE(!busy,
                     "two reads of one stream at the same time, or two writes, or two accepts: "
                     "await the first one before");
    busy = true;
  }
  void Leave() { busy = false; }
  // Moved from, moved over or closed.
  void CheckIdle() const {
    SLUICE_CHECK_USE(!busy,
                     "a stream is moved or goes while something waits on it: cancel that and await "
                     "its end before");
  }

  bool busy = false;
  bool drained = false;  // the last read has left nothing behind: wait before the next
};

class Attempt : public SingleShotBase {
 public:
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    lane_.Enter();
    if (promise.scope->cancelled()) {
      outcome_ = -ECANCELED;
      return false;
    }
    if (Begin(*promise.task)) return false;
    wait_.Begin(*this, handle, promise.scope);
    return true;
  }

 protected:
  // `ready_for`: POLLIN or POLLOUT. The lane outlives it.
  Attempt(int fd, uint32_t ready_for, Lane& lane) : SingleShotBase(OpKind::kPoll, fd), lane_(lane) {
    events = ready_for;
  }
  ~Attempt() = default;

  // The system call: what it brought, or a negative errno; -EAGAIN: not now.
  virtual int32_t Try() = 0;

  // The first thing that await_resume does: what came of it, as Try tells it.
  int32_t End() {
    wait_.End(*this);
    lane_.Leave();
    return outcome_;
  }

  Lane& lane() { return lane_; }

 private:
  // True: done.
  bool Begin(Runnable& owner);
  bool Wait(Runnable& owner);
  bool AfterPoll();
  void OnReady() final;

  Lane& lane_;
  OpWait wait_;
  int32_t outcome_ = 0;
  uint8_t in_vain_ = 0;  // attempts since the last pause
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_ATTEMPT_H_
