#include "loadtest/generator/exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::loadtest {

Exchange::Exchange(bool verify)
    : verify_(verify), buffer_(new char[kReceiveBytes]), pattern_(std::make_unique<Pattern>()) {
  Fill(*pattern_);
}

Progress Exchange::Begin(Connection& connection, uint64_t request_bytes, uint64_t answer_bytes,
                         uint64_t due_ns) {
  connection.id = next_id_++;
  connection.due_ns = due_ns;
  connection.request_bytes = connection.request_left = request_bytes;
  connection.answer_bytes = connection.answer_left = answer_bytes;
  connection.answer_id = 0;
  return SendRest(connection);
}

Progress Exchange::SendRest(Connection& connection) {
  while (connection.request_left > 0) {
    const uint64_t offset = connection.request_bytes - connection.request_left;
    const int64_t sent = SendPattern(connection, offset);
    if (sent == -EAGAIN) return Progress::kMore;
    if (sent < 0) return Progress::kBroken;
    connection.request_left -= static_cast<uint64_t>(sent);
  }
  return Progress::kMore;
}

int64_t Exchange::SendPattern(Connection& connection, uint64_t offset, size_t most) {
  const size_t at = offset % kPatternBytes;
  if (at < sizeof(RequestHeader)) {
    const RequestHeader header = {connection.id, connection.request_bytes, connection.answer_bytes};
    std::memcpy(pattern_->data(), &header, sizeof(header));
  }
  const size_t size =
      std::min({kPatternBytes - at, connection.request_bytes - offset, uint64_t{most}});
  const ssize_t sent = send(connection.fd, pattern_->data() + at, size, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

Progress Exchange::Continue(Connection& connection) {
  if (connection.request_left > 0 && SendRest(connection) == Progress::kBroken) {
    return Progress::kBroken;
  }
  for (;;) {
    const ssize_t size = recv(connection.fd, buffer_.get(), kReceiveBytes, 0);
    if (size < 0) return errno == EAGAIN ? Progress::kMore : Progress::kBroken;
    if (size == 0) return Progress::kBroken;
    const Progress progress = Take(connection, static_cast<size_t>(size));
    if (progress != Progress::kMore) return progress;
    // A short read has emptied the socket; what comes later raises another event.
    if (static_cast<size_t>(size) < kReceiveBytes) return Progress::kMore;
  }
}

Progress Exchange::Take(Connection& connection, size_t bytes) {
  if (bytes > connection.answer_left) return Progress::kWrong;
  const uint64_t offset = connection.answer_bytes - connection.answer_left;
  if (offset < sizeof(connection.answer_id)) {
    const size_t size = std::min<size_t>(sizeof(connection.answer_id) - offset, bytes);
    std::memcpy(reinterpret_cast<char*>(&connection.answer_id) + offset, buffer_.get(), size);
  }
  if (!Right(buffer_.get(), offset, bytes)) return Progress::kWrong;
  connection.answer_left -= bytes;
  if (connection.answer_left > 0) return Progress::kMore;
  return connection.answer_id == connection.id ? Progress::kDone : Progress::kWrong;
}

int64_t Exchange::Receive(Connection& connection, uint64_t offset, size_t most, bool* right) {
  const ssize_t size = recv(connection.fd, buffer_.get(), std::min(most, kReceiveBytes), 0);
  if (size < 0) return -errno;
  *right = Right(buffer_.get(), offset, static_cast<size_t>(size));
  return size;
}

// The bytes of an id or a header are not compared.
bool Exchange::Right(const char* data, uint64_t offset, size_t bytes) const {
  if (!verify_) return true;
  for (size_t done = 0; done < bytes;) {
    const size_t at = (offset + done) % kPatternBytes;
    const size_t size = std::min(bytes - done, kPatternBytes - at);
    const size_t skip = at < sizeof(RequestHeader) ? sizeof(RequestHeader) - at : 0;
    if (size > skip &&
        std::memcmp(data + done + skip, pattern_->data() + at + skip, size - skip) != 0) {
      return false;
    }
    done += size;
  }
  return true;
}

}  // namespace sluice::loadtest
