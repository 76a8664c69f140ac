// RecvOp: receives a stream of buffers. The reactor leases them when data is there.
#ifndef SLUICE_CORE_REACTOR_RECV_OP_H_
#define SLUICE_CORE_REACTOR_RECV_OP_H_

#include <cstdint>

#include "core/base/check.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/op.h"
#include "core/task/node_queue.h"

namespace sluice::core {

// A recv that has delivered its credit ends with this result: submit it again for more.
inline constexpr int32_t kCreditUsed = INT32_MAX;

// A stream is read in slices of at most kSlowSlice bytes until so many buffers of it in a row have
// been sent in one go.
inline constexpr int kWholeSends = 16;
inline constexpr uint32_t kSlowSlice = 65536;

class RecvOp final : public Op {
 public:
  explicit RecvOp(int fd) : Op(OpKind::kRecv, fd) {}
  ~RecvOp() { SLUICE_DCHECK(received_.empty()); }

  uint32_t refill = 1;      // RecvStream's: the credit of each Submit
  bool draining = false;    // StartDraining's
  uint8_t whole_sends = 0;  // RecvStream::NoteSent's
  bool cut_short = false;   // RecvStream's: the scope was cancelled before the wait
  bool gathers = false;     // RecvStream::More's: Append gathers, too

  // In the task: received and not taken yet, oldest first.
  bool has_buffer() const { return !received_.empty(); }
  BufferLease TakeBuffer() { return BufferLease(static_cast<Buffer*>(received_.Pop())); }

  // In the task: shows each buffer that has been received and not been taken, oldest first.
  template <typename Look>
  void ForEach(Look look) const {
    if (received_.empty()) return;
    const Node* each = &received_.last();
    do {
      each = each->next;  // the queue is a ring
      look(static_cast<const Buffer&>(*each));
    } while (each != &received_.last());
  }

  // In the task: a buffer has arrived. Deliver resumes the waiter; Append is for a reactor that
  // completes the op inside Submit or Retry. What arrives while something is waiting to be taken is
  // gathered: bytes are moved together as long as they fit, so that many small messages hold few
  // buffers. Two neighbours in the queue hold more than one buffer's worth.
  void Deliver(Buffer& buffer);
  void Append(Buffer& buffer);

  // In the task: what still comes is not wanted; it is given back as it arrives.
  void StartDraining();

 private:
  bool Gather(Buffer& buffer);

  NodeQueue received_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_RECV_OP_H_
