// Faulty: a stream whose reads and writes are short, and which fails at a place.
//
//     auto [ours, theirs] = Duplex::Make(1024);
//     Faulty short_one(std::move(ours), {.most_read = 1, .most_write = 3});
//     Faulty broken(std::move(theirs), {.read_fails_at = 5, .read_error = ECONNRESET});
//
// Reads bring at most `most_read` bytes, and none across `read_fails_at`: the read that begins at
// that byte of the stream brings the error, and so do all later ones. Writes likewise. With a
// `seed` each size is one by chance between 1 and the most.
//
// Threads: one task. Checked by: tests/core/testing/duplex_test.cc.
#ifndef SLUICE_CORE_TESTING_FAULTY_H_
#define SLUICE_CORE_TESTING_FAULTY_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "core/base/random.h"
#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/task/task.h"

namespace sluice::core::testing {

inline constexpr size_t kNever = std::numeric_limits<size_t>::max();

struct Faults {
  size_t most_read = kNever;
  size_t most_write = kNever;
  size_t read_fails_at = kNever;
  int read_error = ECONNRESET;
  size_t write_fails_at = kNever;
  int write_error = EPIPE;
  uint64_t seed = 0;  // 0: always the most
};

template <typename Stream>
class Faulty {
 public:
  Faulty(Stream stream, const Faults& faults) : stream_(std::move(stream)), faults_(faults) {}

  Task<IoResult<size_t>> Read(std::span<std::byte> bytes) {
    const size_t most = Most(faults_.most_read, faults_.read_fails_at - read_);
    if (most == 0) co_return IoError(faults_.read_error);
    IoResult<size_t> got = co_await stream_.Read(bytes.first(std::min(bytes.size(), most)));
    if (got.ok()) read_ += *got;
    co_return got;
  }
  Task<IoResult<size_t>> Write(std::span<const std::byte> bytes) {
    const size_t most = Most(faults_.most_write, faults_.write_fails_at - written_);
    if (most == 0) co_return IoError(faults_.write_error);
    IoResult<size_t> sent = co_await stream_.Write(bytes.first(std::min(bytes.size(), most)));
    if (sent.ok()) written_ += *sent;
    co_return sent;
  }
  // The first part that has bytes: that much is allowed.
  Task<IoResult<size_t>> WriteMany(std::span<const std::span<const std::byte>> parts) {
    const auto first = std::ranges::find_if(parts, [](const auto& part) { return !part.empty(); });
    return Write(first == parts.end() ? std::span<const std::byte>() : *first);
  }
  auto Shutdown() { return stream_.Shutdown(); }

  size_t read() const { return read_; }
  size_t written() const { return written_; }
  Stream& stream() { return stream_; }

 private:
  size_t Most(size_t most, size_t before_failure) {
    const size_t allowed = std::min(most, before_failure);
    if (faults_.seed == 0 || allowed <= 1) return allowed;
    const size_t limit = std::min<size_t>(allowed, 1 << 16);
    return 1 + static_cast<size_t>(Mix(faults_.seed + draws_++) % limit);
  }

  Stream stream_;
  const Faults faults_;
  uint64_t draws_ = 0;
  size_t read_ = 0;
  size_t written_ = 0;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_FAULTY_H_
