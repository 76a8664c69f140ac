// Head: what a pump sends before the bytes of its stream; TakeOver: makes one of a stream that has
// been read from, so that a pump can go on where the reader has stopped.
//
//   bytes of the proxy's own (a PROXY header) ──► what was read already ──► what the stream brings
//          not counted, not paced                 └── as if the pump had received it now ──┘
//
// Each lease is a buffer of the pool, however little is in it: a reader asks for a credit of a
// buffer's size, not for single bytes.
//
// A session without a head holds nothing of it: a bit in its Flow says whether there is one.
#ifndef SLUICE_PROXY_SESSION_HEAD_H_
#define SLUICE_PROXY_SESSION_HEAD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/recv_stream.h"
#include "core/reactor/buffer_pool.h"
#include "core/task/task.h"

namespace sluice::proxy {

struct Head {
  std::string own;                      // the proxy's own bytes,
  size_t counted = 0;                   // but for so many at the end, which the stream has brought
  std::vector<core::BufferLease> read;  // received from Flow::from before the pump, oldest first

  bool empty() const { return own.empty() && read.empty(); }
};

// Ends `stream` without losing anything of it: afterwards nothing of its descriptor is in flight,
// and what it had received and was not taken is behind the rest of `head`. 0, or the error that the
// stream has found: it is told only here, a later read finds an end of stream. (An end of stream is
// found again.) Not cut short by cancellation.
core::Task<int> TakeOver(core::RecvStream& stream, Head& head);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_HEAD_H_
