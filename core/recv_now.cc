#include "core/recv_now.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/transfer.h"

namespace sluice::core {
namespace {

Buffer* TakeBuffer(RecvOp& op, BufferPool& pool) {
  if (op.bulk && pool.large() != nullptr) {
    if (Buffer* buffer = pool.large()->Take()) return buffer;
  }
  return pool.Take();
}

}  // namespace

RecvNowResult RecvNow(RecvOp& op, BufferPool& pool, ReactorCounters& counters) {
  Buffer* buffer = TakeBuffer(op, pool);
  if (buffer == nullptr) return RecvNowResult::kNoBuffer;
  const int32_t bytes = ReceiveBytes(op.fd, buffer->data, std::min(buffer->capacity, op.credit));
  if (bytes > 0) {
    op.task->ConsumeBudgetForBytes(bytes);
    op.bulk = static_cast<size_t>(bytes) >= std::min<size_t>(pool.buffer_size(), op.credit);
    buffer->size = static_cast<uint32_t>(bytes);
    Count(counters.recvs);
    Count(counters.received, buffer->size);
    op.Append(*buffer);
    op.result = kCreditUsed;
    return RecvNowResult::kDone;
  }
  buffer->pool->Release(buffer, /*owner=*/true);
  if (bytes == -EAGAIN) return RecvNowResult::kNotReady;
  op.result = bytes;
  return RecvNowResult::kDone;
}

}  // namespace sluice::core
