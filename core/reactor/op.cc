#include "core/reactor/op.h"

#include <cstring>

#include "core/reactor/reactor.h"

namespace sluice::core {

void Op::Cancel() {
  if (!in_flight || cancel_requested) return;
  cancel_requested = true;
  reactor->Cancel(*this);
}

void Op::OnReady() {
  if (retry) {
    retry = false;
    if (!reactor->Retry(*this)) return;  // back in flight
  }
  in_flight = false;
  cancel_requested = false;
  if (waiter) std::exchange(waiter, {}).resume();
}

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
  } else {
    received_.Push(buffer);
  }
}

void RecvOp::StartDraining() {
  draining = true;
  while (has_buffer()) TakeBuffer().Return();
}

void Accepted::OnReady() { op.Deliver(*this); }

void AcceptOp::Deliver(Accepted& accepted) {
  if (accepted.last) {
    in_flight = false;
    cancel_requested = false;
  }
  accepted_.Push(accepted);
  if (waiter) std::exchange(waiter, {}).resume();
}

int AcceptOp::TakeConnection() {
  Accepted* accepted = static_cast<Accepted*>(accepted_.Pop());
  const int fd = accepted->fd;
  delete accepted;
  return fd;
}

}  // namespace sluice::core
