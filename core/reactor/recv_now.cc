#include "core/reactor/recv_now.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/counter.h"
#include "core/net/transfer.h"

namespace sluice::core {
namespace {

Buffer* TakeBuffer(RecvOp& op, BufferPool& pool) {
  if (op.bulk && pool.large() != nullptr) {
    if (Buffer* buffer = pool.large()->Take()) return buffer;
  }
  if (Buffer* buffer = pool.Take()) return buffer;
  return pool.reserve() == nullptr ? nullptr : pool.reserve()->Take();
}

// Buffers are short: what is small need not hold a whole one.
[[gnu::noinline]] Buffer* Shrink(Buffer* buffer, size_t bytes, BufferReserve* reserve) {
  if (reserve == nullptr || buffer->pool == nullptr || bytes > reserve->capacity()) return buffer;
  Buffer* small = reserve->Take();
  if (small == nullptr) return buffer;
  std::memcpy(small->data, buffer->data, bytes);
  buffer->GiveBack(/*owner=*/true);
  return small;
}

}  // namespace

RecvNowResult RecvNow(RecvOp& op, BufferPool& pool, ReactorCounters& counters) {
  Buffer* buffer = TakeBuffer(op, pool);
  if (buffer == nullptr) return RecvNowResult::kNoBuffer;
  uint32_t most = std::min(buffer->capacity, op.credit);
  if (op.whole_sends < kWholeSends) most = std::min(most, kSlowSlice);
  const int32_t bytes = ReceiveBytes(op.fd, buffer->data, most);
  if (bytes > 0) {
    op.task->ConsumeBudgetForBytes(bytes);
    op.drained = static_cast<uint32_t>(bytes) < most;
    op.bulk = static_cast<size_t>(bytes) >= std::min<size_t>(pool.buffer_size(), op.credit);
    if (pool.pressed() || buffer->pool == nullptr) {
      buffer = Shrink(buffer, static_cast<size_t>(bytes), pool.reserve());
      if (buffer->pool == nullptr) Count(counters.reserved);
    }
    buffer->size = static_cast<uint32_t>(bytes);
    Count(counters.recvs);
    Count(counters.received, buffer->size);
    op.Append(*buffer);
    op.result = kCreditUsed;
    return RecvNowResult::kDone;
  }
  buffer->GiveBack(/*owner=*/true);
  if (bytes == -EAGAIN) return RecvNowResult::kNotReady;
  op.result = bytes;
  return RecvNowResult::kDone;
}

bool RecvIntoNow(Op& op) {
  op.result = ReceiveBytes(op.fd, const_cast<void*>(DataOf(op)), op.size);
  op.drained =
      op.result == -EAGAIN || (op.result > 0 && static_cast<uint32_t>(op.result) < op.size);
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  return op.result != -EAGAIN;
}

}  // namespace sluice::core
