// Op: one operation on a descriptor, on loan to a reactor from Submit until its last completion.
//
// The caller owns it (it lives in an awaiter or beside one), nothing is allocated per operation,
// and it is reused. The reactor fills in what came of it and posts it to its task:
//
//          Submit: true (done at once)
//        ┌───────────────────────────────┐
//        │                               ▼
//      IDLE ── Submit: false ──► IN FLIGHT ── last completion, in the task ──► IDLE
//                                  │    ▲
//                                  └────┘ Cancel (a wish; at most one counts)
//
// A RecvOp and an AcceptOp may bring several things before the last completion; each is a node of
// its own (a Buffer, an Accepted), posted in order, and the op's own node comes last, unless the
// last buffer or connection stands for it (Buffer::last, Accepted::last).
//
// Invariants
//   I1  Idle when it is destroyed.
//   I2  Exactly one last completion per Submit that answered false.
//   I3  Nothing that was received is dropped: what arrives after a cancel is still delivered.
// Threads: everything here runs inside the op's task, on any worker, except the fields marked
// "reactor's" while the op is in flight.
// Checked by: tests/contract (both backends), tests/model (kernel_refs).
#ifndef SLUICE_CORE_REACTOR_OP_H_
#define SLUICE_CORE_REACTOR_OP_H_

#include <sys/socket.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"

namespace sluice::core {

class Reactor;

enum class OpKind : uint8_t {
  kAccept,
  kConnect,
  kRecv,  // into a buffer of the reactor's
  kSend,
  kPoll,
  kRead,  // into the caller's memory; of anything that read(2) takes
  kWrite,
  kOpen,
  kRecvMessage,
  kSendMessage,
  kRecvInto,  // of a socket, into the caller's memory
};

class Op : public Waiter {
 public:
  Op(OpKind kind, int fd) : kind(kind), fd(fd) {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  // Asks the reactor for an early end: the op completes, with -ECANCELED unless it was faster.
  void Cancel() override;

  // The last completion, or, for the readiness backend, "try again". In the task.
  void OnReady() override;

  // The request: set before Submit.
  const OpKind kind;
  bool in_flight = false;         // from Submit to the last completion
  bool cancel_requested = false;  // since Submit
  bool retry = false;             // reactor's: OnReady is to call Reactor::Retry
  bool drained = false;           // reactor's: the last recv left nothing behind (recv into
                                  // memory: set before Submit, too): it waits first; what sends:
                                  // the peer has finished; poll: set before Submit: it waits for
                                  // 10 ms first, as the last ones were of no use
  uint8_t state = 0;              // reactor's OpState
  // Here they fill a gap.
  bool bulk = false;     // reactor's, recv: the last read filled its buffer; write: to a socket
  bool polling = false;  // reactor's: waits until it may recv or send, without a buffer or bytes
  int fd;
  union {
    uint32_t credit;     // recv: bytes wanted at most before the op ends by itself; at least 1.
                         // accept: the reactor's count of connections until then
    uint32_t size;       // of others: bytes at `data`; connect: length of the address there
    uint32_t events;     // poll: POLLIN | POLLOUT
    uint32_t flags = 0;  // open: O_RDONLY and the like; recv message: kDatagrams or 0
  };
  // What came of it: >= 0 or a negative errno. recv: 0 is end of stream, kCreditUsed the regular
  // end.
  int32_t result = 0;
  // Reactor's: what the kernel still knows of the op (the completion backend; see ring.h).
  Atomic<uint32_t> kernel_refs{0};
  Runnable* task = nullptr;        // whose op it is
  Reactor* reactor = nullptr;      // where it is in flight
  std::coroutine_handle<> waiter;  // resumed by the last completion; null: no coroutine waits

 protected:
  ~Op() { SLUICE_DCHECK(!in_flight); }  // I1
};

// Of a receive of messages: the socket brings datagrams, which have no urgent ones among them.
inline constexpr uint32_t kDatagrams = 1;

// An op with a single completion: all but recv and accept. Only these have `data`: a recv op is
// held in memory for as long as its session lives. What `data` points to is on loan, too.
class SingleShotBase : public Op {
 public:
  using Op::Op;
  const void* data = nullptr;  // send, write: bytes; read, recv into: room for them;
                               // connect: sockaddr; open: the path; messages: msghdr

 protected:
  ~SingleShotBase() = default;
};
class SingleShotOp final : public SingleShotBase {
 public:
  using SingleShotBase::SingleShotBase;
};

// Of an offset: where the descriptor is, which moves on; of what has no positions (a socket, a
// pipe) always this.
inline constexpr int64_t kAtPosition = -1;

// Read, write and open. `fd`: of an open, the directory that its path begins in, or AT_FDCWD. Files
// on a disk are never "not ready": a backend that only knows readiness has such calls made by
// threads that may wait (blocking_calls.h). Any number of them may be in flight on one file.
class FileOp final : public SingleShotBase {
 public:
  using SingleShotBase::SingleShotBase;
  int64_t offset = kAtPosition;  // read, write
  uint32_t mode = 0;             // open: of a file that it makes
  // BlockingCalls': whether it waits for a thread, and the one that waits before it.
  bool queued = false;
  FileOp* previous = nullptr;
};
inline const FileOp& AsFileOp(const Op& op) {
  SLUICE_DCHECK(op.kind == OpKind::kRead || op.kind == OpKind::kWrite || op.kind == OpKind::kOpen);
  return static_cast<const FileOp&>(op);
}

// Of an op with a single completion, but for a poll.
inline const void* DataOf(const Op& op) {
  SLUICE_DCHECK(op.kind != OpKind::kAccept && op.kind != OpKind::kRecv && op.kind != OpKind::kPoll);
  return static_cast<const SingleShotBase&>(op).data;
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_OP_H_
