#include "core/recv_now.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace sluice::core {
namespace {

Buffer* TakeBuffer(RecvOp& op, BufferPool& pool) {
  if (op.bulk && pool.large() != nullptr) {
    if (Buffer* buffer = pool.large()->Take()) return buffer;
  }
  return pool.Take();
}

}  // namespace

RecvNowResult RecvNow(RecvOp& op, BufferPool& pool) {
  Buffer* buffer = TakeBuffer(op, pool);
  if (buffer == nullptr) return RecvNowResult::kNoBuffer;
  ssize_t bytes;
  do {
    bytes = recv(op.fd, buffer->data, std::min(buffer->capacity, op.credit), MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  const int error = errno;
  if (bytes > 0) {
    op.bulk = static_cast<size_t>(bytes) >= std::min<size_t>(pool.buffer_size(), op.credit);
    buffer->size = static_cast<uint32_t>(bytes);
    op.Append(*buffer);
    op.result = kCreditUsed;
    return RecvNowResult::kDone;
  }
  buffer->pool->Release(buffer, /*owner=*/true);
  if (bytes < 0 && error == EAGAIN) return RecvNowResult::kNotReady;
  op.result = bytes == 0 ? 0 : -error;
  return RecvNowResult::kDone;
}

}  // namespace sluice::core
