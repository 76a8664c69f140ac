// RecvNow: reads what a socket has, at once, into a leased buffer. For backends that read when they
// know that data is there.
//
// A stream that fills its buffers is read with large ones from then on, until a read brings little:
// the large rows of a benchmark are decided by the size of one read, and a large buffer that is
// used again at once stays in the cache. Small messages never hold a large buffer, and when there
// is no large one left a small one does.
#ifndef SLUICE_CORE_RECV_NOW_H_
#define SLUICE_CORE_RECV_NOW_H_

#include "core/buffer_pool.h"
#include "core/op.h"
#include "core/reactor.h"

namespace sluice::core {

enum class RecvNowResult {
  kDone,      // op.result is set: kCreditUsed with a buffer appended, 0 at the end, or an error
  kNotReady,  // nothing is there
  kNoBuffer,  // the pool is dry
};

// The owner of `pool` and of `counters`, inside the op's task.
RecvNowResult RecvNow(RecvOp& op, BufferPool& pool, ReactorCounters& counters);

}  // namespace sluice::core

#endif  // SLUICE_CORE_RECV_NOW_H_
