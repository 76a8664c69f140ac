// ReadExact, ReadToEnd, WriteAll: whole amounts through a stream that moves what it likes.
//
//     Transferred got = co_await ReadExact(stream, header);
//     if (got.error() == kEndedEarly) ...            // after got.bytes() of them
//     Transferred read = co_await ReadToEnd(stream, text, /*limit=*/1 << 20);  // or a vector
//     Transferred sent = co_await WriteAll(stream, bytes);
//
//     std::array parts = {header, body};              // sent as one, without being copied together
//     Transferred sent = co_await WriteAll(stream, std::span(parts));
//
// Cut short     what has been read is in the caller's memory, what has been written is written, and
//               bytes() says how much that is:
//                 ReadExact   go on with bytes.subspan(got.bytes())
//                 ReadToEnd   go on with the same `into`
//                 WriteAll    go on with bytes.subspan(sent.bytes()); of parts, with the same
//                             parts: each has been cut down to what is left of it
// Errors        those of the stream, and kEndedEarly, kTooLarge (transferred.h).
// Threads: inside one task. Checked by: tests/core/bytes/whole_test.cc (cut short at every place),
// tests/core/bytes/sockets_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_BYTES_WHOLE_H_
#define SLUICE_CORE_BYTES_WHOLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/transferred.h"
#include "core/task/task.h"

namespace sluice::core {

// Fills `bytes`.
template <AsyncRead Stream>
Task<Transferred> ReadExact(Stream& from, std::span<std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    IoResult<size_t> got = co_await from.Read(bytes.subspan(done));
    if (!got.ok()) co_return Transferred(done, got.error());
    if (*got == 0) co_return Transferred(done, kEndedEarly);
    done += *got;
  }
  co_return Transferred(done, 0);
}

namespace internal {

// `Bytes`: a vector of bytes, or a string.
template <AsyncRead Stream, typename Bytes>
Task<Transferred> ReadToEnd(Stream& from, Bytes& into, size_t limit) {
  constexpr size_t kFirst = 512;
  constexpr size_t kMost = 64 * 1024;  // what is cleared for a read that may bring one byte
  uint64_t done = 0;
  while (into.size() <= limit) {
    const size_t had = into.size();
    // One more than the limit, so that an end there is told from more.
    const size_t room = limit - had;
    into.resize(had + std::min(std::clamp(had, kFirst, kMost), room < kMost ? room + 1 : room));
    IoResult<size_t> got = co_await from.Read(std::as_writable_bytes(std::span(into)).subspan(had));
    into.resize(had + (got.ok() ? *got : 0));
    if (!got.ok()) co_return Transferred(done, got.error());
    if (*got == 0) co_return Transferred(done, 0);
    done += *got;
  }
  co_return Transferred(done, kTooLarge);
}

}  // namespace internal

// Appends to `into` until the stream ends. kTooLarge: `into` would have more than `limit` bytes; it
// has one more, the last that was read.
template <AsyncRead Stream>
Task<Transferred> ReadToEnd(Stream& from, std::vector<std::byte>& into, size_t limit) {
  return internal::ReadToEnd(from, into, limit);
}
template <AsyncRead Stream>
Task<Transferred> ReadToEnd(Stream& from, std::string& into, size_t limit) {
  return internal::ReadToEnd(from, into, limit);
}

template <AsyncWrite Stream>
Task<Transferred> WriteAll(Stream& to, std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    IoResult<size_t> sent = co_await to.Write(bytes.subspan(done));
    if (!sent.ok()) co_return Transferred(done, sent.error());
    done += *sent;
  }
  co_return Transferred(done, 0);
}

namespace internal {

// Cuts so many bytes off the front; returns the parts that are left.
inline std::span<std::span<const std::byte>> CutFront(std::span<std::span<const std::byte>> parts,
                                                      size_t count) {
  while (!parts.empty() && count >= parts.front().size()) {
    count -= parts.front().size();
    parts.front() = {};
    parts = parts.subspan(1);
  }
  if (count > 0) parts.front() = parts.front().subspan(count);
  return parts;
}

}  // namespace internal

// Any number of parts, as far as the stream can, in one call each.
template <AsyncWrite Stream>
Task<Transferred> WriteAll(Stream& to, std::span<std::span<const std::byte>> parts) {
  uint64_t done = 0;
  parts = internal::CutFront(parts, 0);
  while (!parts.empty()) {
    IoResult<size_t> sent = co_await to.WriteMany(parts);
    if (!sent.ok()) co_return Transferred(done, sent.error());
    done += *sent;
    parts = internal::CutFront(parts, *sent);
  }
  co_return Transferred(done, 0);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_WHOLE_H_
