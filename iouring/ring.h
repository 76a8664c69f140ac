// Ring: one io_uring instance with its provided-buffer ring, set up as this backend wants it.
//
// SINGLE_ISSUER | DEFER_TASKRUN: only the thread that made it may enter it, and completions arrive
// only when that thread enters.
#ifndef SLUICE_IOURING_RING_H_
#define SLUICE_IOURING_RING_H_

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "core/reactor/buffer_pool.h"

namespace sluice::iouring {

class Ring {
 public:
  // `sq_entries`, `cq_entries` and `buffers` are powers of two. Errors: Probe()'s.
  // The thread that closes a ring is interrupted by the kernel once more afterwards (Probe): what
  // goes on with another ring there could miss what follows an urgent byte.
  static absl::StatusOr<std::unique_ptr<Ring>> Make(uint32_t sq_entries, uint32_t cq_entries,
                                                    uint32_t buffers);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // An entry to fill in. When the queue is full, what is in it is submitted first; when the kernel
  // does not take it either (EAGAIN: no memory, EBUSY: completions are to be fetched first, EINTR),
  // the entry waits here for the next Enter, and every later one behind it. `together`: it and the
  // next ones, so many in all, are handed over by one call: entries that are linked must. No more
  // can be done here: if the kernel has no memory for the second, it takes the first alone, and the
  // second at the next call, without the link.
  io_uring_sqe* NextEntry(unsigned together = 1);

  // Hands `buffer` to the kernel, which calls it `id` when it has filled it; visible to it at the
  // next PublishBuffers.
  void AddBuffer(core::Buffer& buffer, uint16_t id);
  void PublishBuffers();

  // Submits; waits for a completion until `timeout` is over (none: for ever; 0: not at all, and
  // no system call unless there is something to submit or to fetch). True: it made a system call.
  bool Enter(std::optional<core::Duration> timeout);

  // Submits, and the kernel brings nothing: what it has found readable meanwhile waits for Enter.
  // What can be done at once, such as most sends, completes all the same. True: as Enter.
  bool Submit();

  // Entries handed out so far.
  uint64_t entries() const { return entries_; }

  // Brought and not yet reaped.
  uint32_t completions() const { return io_uring_cq_ready(&ring_); }
  bool has_completion() const { return completions() != 0; }
  io_uring& raw() { return ring_; }

 private:
  explicit Ring(uint32_t buffers) : buffer_entries_(buffers) {}

  void QueueWaiting();

  io_uring ring_{};
  unsigned enter_flags_ = 0;  // of every io_uring_enter
  const uint32_t buffer_entries_;
  io_uring_buf_ring* buffers_ = nullptr;
  int pending_buffers_ = 0;
  uint64_t entries_ = 0;
  std::deque<io_uring_sqe> waiting_;  // for which the queue had no free slot, in order
};

inline constexpr uint16_t kBufferGroup = 0;

}  // namespace sluice::iouring

#endif  // SLUICE_IOURING_RING_H_
