// Receives of messages from streams: a poll and, linked with it, a receive that does not wait.
// Datagrams have no urgent data: the kernel waits for them, which is one entry less. It also waits
// for bytes alone, for which the pair would cost an echo 4 in a hundred with one connection, and a
// third and more with 4,000; how many threads that may take Ring bounds.
//
// The kernel's own waiting of a receive is told of urgent data, too, which may be there for as long
// as the peer likes with nothing to read (an urgent byte behind a gap): after 128 attempts in vain
// it would take a thread of the kernel for each such peer. A poll asks for what it is told of.
//
//   Submit ──► TRYING ── EAGAIN ──► WAITING, a poll ── something is there ──► TRYING, by the link
//     │                               ▲     ▲                                  │       │
//     └── at once ────────────────────┘     └── EAGAIN, or PAUSING, 10 ms, ◄───┘       ▼
//                                               after some of them                   ENDED
//
// To this reactor the two entries are as one: they have one user_data and, as the poll skips the
// completion of its success and a failure of it that of the receive, one completion. A cancel finds
// the poll, or nothing (the receive is about to be made). One that finds a pause which is just
// ending (EALREADY) leaves it to that: the pause's end is then the op's.
//
// A receive that the kernel cannot even begin with (its message is no memory of ours; since 6.10 it
// is looked at when it is submitted) ends the poll with ECANCELED and skips its own completion. So
// what no one has cancelled goes once more, alone (TRYING), and says what it is.

#include <cerrno>

#include "core/reactor/op.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {

using core::Op;

// Attempts in vain, one after the other: another reader may be faster, or a datagram be broken.
// More of them come of errors that a poll tells and a receive does not, of a socket that queues
// those; the pause keeps them from using the processor.
constexpr int32_t kInVain = 8;

// An op into the caller's memory. True: it goes on waiting. Its result counts the attempts.
bool UringReactor::ReceiveAgain(Op& op, int32_t result) {
  const bool in_vain = result == -EAGAIN || result == -ETIME;
  if (in_vain && op.state == kTold) {  // the cancel came when a pause was just ending
    OnCall(op, -ECANCELED);
    return true;
  }
  if (result == -EAGAIN && op.drained && ++op.result >= kInVain) {
    Pause(op);
    return true;
  }
  const bool is_linked = op.drained && ReceivesFromStream(op);
  const bool alone = result == -ECANCELED && is_linked && !HasCancel(op);
  if (!alone && !in_vain) return false;
  op.drained = !alone;
  Enqueue(op);
  return true;
}

}  // namespace sluice::iouring
