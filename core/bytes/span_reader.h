// SpanReader: bytes in memory as a stream to read from; it never waits.
#ifndef SLUICE_CORE_BYTES_SPAN_READER_H_
#define SLUICE_CORE_BYTES_SPAN_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"

namespace sluice::core {

class SpanReader {
 public:
  // `bytes` outlive it.
  explicit SpanReader(std::span<const std::byte> bytes) : left_(bytes) {}

  Done<IoResult<size_t>> Read(std::span<std::byte> bytes) {
    const size_t count = std::min(bytes.size(), left_.size());
    if (count > 0) std::memcpy(bytes.data(), left_.data(), count);
    left_ = left_.subspan(count);
    return Done(IoResult<size_t>(count));
  }

  std::span<const std::byte> left() const { return left_; }

 private:
  std::span<const std::byte> left_;
};
static_assert(AsyncRead<SpanReader>);

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_SPAN_READER_H_
