#include "core/reactor/recv_op.h"

#include <cstring>
#include <utility>

namespace sluice::core {

void Buffer::OnReady() { receiver->Deliver(*this); }

void RecvOp::Deliver(Buffer& buffer) {
  if (buffer.last) {
    in_flight = false;
    cancel_requested = false;
    result = kCreditUsed;
  }
  if (draining) {
    BufferLease(&buffer).Return();
    if (in_flight) return;
  } else if (!Gather(buffer)) {
    received_.Push(buffer);
  }
  if (waiter) std::exchange(waiter, {}).resume();
}

// True: its bytes are behind those of the last buffer that waits, and it has been given back.
bool RecvOp::Gather(Buffer& buffer) {
  if (received_.empty()) return false;
  Buffer& tail = static_cast<Buffer&>(received_.last());
  if (buffer.size > tail.capacity - tail.size) return false;
  std::memcpy(tail.data + tail.size, buffer.data, buffer.size);
  tail.size += buffer.size;
  task->ConsumeBudgetForBytes(static_cast<int32_t>(buffer.size));
  BufferLease(&buffer).Return();
  return true;
}

void RecvOp::Append(Buffer& buffer) {
  if (draining) {
    BufferLease(&buffer).Return();
  } else if (!gathers || !Gather(buffer)) {
    received_.Push(buffer);
  }
}

void RecvOp::StartDraining() {
  draining = true;
  while (has_buffer()) TakeBuffer().Return();
}

}  // namespace sluice::core
