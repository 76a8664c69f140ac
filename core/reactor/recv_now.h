// RecvNow: reads what a socket has, at once, into a leased buffer. For backends that read when they
// know that data is there.
//
// A stream that fills its buffers is read with large ones from then on, until a read brings little:
// the large rows of a benchmark are decided by the size of one read, and a large buffer that is
// used again at once stays in the cache. Small messages never hold a large buffer, and when there
// is no large one left a small one does.
//
// When buffers are short, a small message is moved into a block of the reserve, and when there are
// none one is read into such a block: BufferReserve has one for every direction, and a direction
// that holds something does not read (SomebodyWaits).
#ifndef SLUICE_CORE_REACTOR_RECV_NOW_H_
#define SLUICE_CORE_REACTOR_RECV_NOW_H_

#include "core/reactor/buffer_pool.h"
#include "core/reactor/reactor.h"
#include "core/reactor/recv_op.h"

namespace sluice::core {

enum class RecvNowResult {
  kDone,      // op.result is set: kCreditUsed with a buffer appended, 0 at the end, or an error
  kNotReady,  // nothing is there
  kNoBuffer,  // the pool is exhausted, and its reserve
};

// In the op's task: whether its reader has sent all it had and waits for more. When no coroutine
// waits for an op, a reactor that has no buffer for it ends it (kCreditUsed); it is submitted again
// when what it brought has gone.
inline bool SomebodyWaits(const RecvOp& op) { return static_cast<bool>(op.waiter); }

// The owner of `pool` and of `counters`, inside the op's task.
RecvNowResult RecvNow(RecvOp& op, BufferPool& pool, ReactorCounters& counters);

// Inside the task of a recv into memory: false if nothing is there. `drained` tells what is known
// afterwards: less than there was room for means that nothing is left. That may be wrong at the end
// of the stream, at an urgent mark, and where a UNIX socket has passed a descriptor.
bool RecvIntoNow(Op& op);

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_RECV_NOW_H_
