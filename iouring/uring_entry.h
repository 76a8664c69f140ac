// What the parts of UringReactor agree on: where an op is, and what a completion says it is of.
#ifndef SLUICE_IOURING_URING_ENTRY_H_
#define SLUICE_IOURING_URING_ENTRY_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>

#include "core/reactor/op.h"

namespace sluice::iouring {

// Of the buffer ring: its size, and how many it holds before it was ever exhausted.
inline constexpr uint32_t kBufferEntries = 4096;
inline constexpr size_t kBuffersAtStart = 64;

// Where an op is (Op::state). kTold: a thread of the kernel runs it, and has been told to give up,
// or it has been taken from those that wait for a thread, or from its poll (a message of a stream),
// or its pause was ending anyway: the next completion is the last.
// kLeaving: starved, and cancelled; the next turn lets go of it.
enum OpState : uint8_t { kInKernel = 0, kTold, kStarved, kLeaving, kEnded };

// user_data: the op's address, its low bits telling what completes.
// kTagAccept: of an op, too, one that is found among thousands without a look at the others' ops.
enum Tag : uint64_t {
  kTagOp = 0,
  kTagCancel = 1,
  kTagWake = 2,
  kTagClose = 3,
  kTagAccept = 4,
  kTagMask = 7
};

inline Tag TagOf(const core::Op& op) {
  return op.kind == core::OpKind::kAccept ? kTagAccept : kTagOp;
}

inline uint64_t UserData(const core::Op& op, Tag tag) {
  return reinterpret_cast<uint64_t>(&op) | tag;
}

// Whether a signal has cut a call of a kernel's thread short.
bool WasInterrupted(int32_t result);

// Whether a thread of the kernel is to make the call.
bool NeedsThread(const core::Op& op);

// Of what sends to a socket: see uring_send.cc.
inline bool SendsToSocket(const core::Op& op) {
  return op.kind == core::OpKind::kSend || op.kind == core::OpKind::kSendMessage ||
         (op.kind == core::OpKind::kWrite && op.bulk);
}

// Of what receives a message from a stream: see uring_wait.cc.
inline bool ReceivesFromStream(const core::Op& op) {
  return op.kind == core::OpKind::kRecvMessage && op.flags != core::kDatagrams;
}

// Fills in what the op asks for; of all kinds but recv.
void Prepare(io_uring_sqe& entry, const core::Op& op);

// What waits until the op's socket has something to receive. It is linked with the receive, the
// next entry, and the two have one completion: that of the receive, or, if waiting failed, of this.
void PrepareWait(io_uring_sqe& entry, const core::Op& op);

// Whether a write is one to a socket; makes a terminal ready for it.
bool PrepareWrite(const core::FileOp& op);

// A pause, until -ETIME: what waits for a socket, or polls, asks too often.
void PreparePause(io_uring_sqe& entry);

}  // namespace sluice::iouring

#endif  // SLUICE_IOURING_URING_ENTRY_H_
