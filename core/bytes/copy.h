// Copy: from one stream into another until the end; CopyBidirectional: both ways.
//
//     Transferred copied = co_await Copy(file, stream);
//     CopyResult result = co_await CopyBidirectional(client, server);
//
//   from ── Read ──► CopyBuffer ── Write ──► to        reads again when all has been written: what
//                                                     is on the way is bounded by the buffer
//
//     CopyBuffer buffer;                               // one for all of them
//     for (File& file : files) copied = co_await Copy(file, stream, buffer);
//
// Cut short     With buffers of the caller what has been read and not been written is in them: a
//               call with the same ones goes on there, and nothing is lost or doubled. With buffers
//               of its own it is lost.
// Again         Behind a call without an error the same buffers may be used for other streams, if
//               they have no unsent() bytes, as kEndBoth may leave them. (An end that is asked for
//               again is told again.)
// The end       Copy does not shut `to` down: more may follow. CopyBidirectional passes each end on
//               to the other side, as a proxy does, and goes on with the other direction;
//               OnEnd::kEndBoth ends when the first direction has ended.
// Errors        An error of one direction ends both. bytes() counts what this call has written.
// Threads: inside one task. Checked by: tests/core/bytes/copy_test.cc.
#ifndef SLUICE_CORE_BYTES_COPY_H_
#define SLUICE_CORE_BYTES_COPY_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/transferred.h"
#include "core/task/select.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {
struct CopySteps;
}  // namespace internal

// What is on its way in one direction: at most `size` bytes. Its memory is taken with the first
// read, kFirst bytes, and grows when a read fills it, until one brings little: who waits holds
// little, and many bytes need few calls.
class CopyBuffer {
 public:
  static constexpr size_t kFirst = 4096;

  explicit CopyBuffer(size_t size = 262144) : size_(size) {
    SLUICE_CHECK_USE(size > 0,
                     "nothing can be on its way in 0 bytes: give a CopyBuffer at least 1");
  }

  std::span<const std::byte> unsent() const { return {memory_.get() + begin_, end_ - begin_}; }
  // `from` has ended, and the call that is to say so has not: it was cut short.
  bool ended() const { return ended_; }
  size_t capacity() const { return capacity_; }
  // From the first call on.
  uint64_t read() const { return read_; }
  uint64_t written() const { return written_; }

 private:
  friend struct internal::CopySteps;
  template <AsyncRead From, AsyncWrite To>
  friend Task<int> PassOn(From& from, To& to, CopyBuffer& buffer);

  // For a read, when all has been written.
  std::span<std::byte> Memory() {
    const bool filled = end_ == capacity_ && capacity_ < size_;
    const bool little = end_ < kFirst && capacity_ > kFirst;
    if (filled || little) {
      capacity_ = std::min(size_, capacity_ == 0 || little ? kFirst : 4 * capacity_);
      memory_ = std::make_unique_for_overwrite<std::byte[]>(capacity_);
      begin_ = end_ = 0;
    }
    return {memory_.get(), capacity_};
  }
  void Filled(size_t count) {
    begin_ = 0;
    end_ = count;
    read_ += count;
    ended_ = count == 0;
  }
  void Sent(size_t count) {
    begin_ += count;
    written_ += count;
  }

  const size_t size_;
  std::unique_ptr<std::byte[]> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
  bool passed_on_ = false;  // the end
  uint64_t read_ = 0;
  uint64_t written_ = 0;
};

namespace internal {

struct CopySteps {
  // Until the end, which the buffer keeps.
  template <AsyncRead From, AsyncWrite To>
  static Task<Transferred> CopyOn(From& from, To& to, CopyBuffer& buffer) {
    const uint64_t before = buffer.written();
    while (true) {
      while (!buffer.unsent().empty()) {
        IoResult<size_t> sent = co_await to.Write(buffer.unsent());
        if (!sent.ok()) co_return Transferred(buffer.written() - before, sent.error());
        buffer.Sent(*sent);
      }
      if (buffer.ended()) co_return Transferred(buffer.written() - before, 0);
      IoResult<size_t> got = co_await from.Read(buffer.Memory());
      if (!got.ok()) co_return Transferred(buffer.written() - before, got.error());
      buffer.Filled(*got);
    }
  }
  // It has been told: what is read next may be another stream.
  static void ForgetEnd(CopyBuffer& buffer) { buffer.ended_ = buffer.passed_on_ = false; }
};

}  // namespace internal

template <AsyncRead From, AsyncWrite To>
Task<Transferred> Copy(From& from, To& to, CopyBuffer& buffer) {
  const Transferred copied = co_await internal::CopySteps::CopyOn(from, to, buffer);
  if (copied.ok()) internal::CopySteps::ForgetEnd(buffer);
  co_return copied;
}

// With a buffer of its own.
template <AsyncRead From, AsyncWrite To>
Task<Transferred> Copy(From& from, To& to) {
  CopyBuffer buffer;
  co_return co_await Copy(from, to, buffer);
}

enum class OnEnd : uint8_t {
  kPassOn,   // an end of one side becomes one of the other
  kEndBoth,  // the first end of either side is that of all
};

struct [[nodiscard]] CopyResult {
  uint64_t a_to_b = 0;
  uint64_t b_to_a = 0;
  int error = 0;  // 0: both directions have ended, or the one that ends both

  bool ok() const { return error == 0; }
};

// One direction with its end; brings an errno or 0. May be called again.
template <AsyncRead From, AsyncWrite To>
Task<int> PassOn(From& from, To& to, CopyBuffer& buffer) {
  const Transferred copied = co_await internal::CopySteps::CopyOn(from, to, buffer);
  if (!copied.ok()) co_return copied.error();
  if (buffer.passed_on_) co_return 0;
  // Of a side that is gone already (ENOTCONN) its own direction will tell.
  if ((co_await to.Shutdown()).error() == ECANCELED) co_return ECANCELED;
  buffer.passed_on_ = true;
  co_return 0;
}

template <AsyncStream A, AsyncStream B>
Task<CopyResult> CopyBidirectional(A& a, B& b, CopyBuffer& a_to_b, CopyBuffer& b_to_a,
                                   OnEnd on_end = OnEnd::kPassOn) {
  const uint64_t before_ab = a_to_b.written();
  const uint64_t before_ba = b_to_a.written();
  auto first = co_await Select(PassOn(a, b, a_to_b), PassOn(b, a, b_to_a));
  int error_ab = first.template Get<0>();
  int error_ba = first.template Get<1>();
  const bool ab_won = first.template Won<0>();
  int error = ab_won ? error_ab : error_ba;
  // The other direction was cut short in favour of the first; it goes on where it was.
  if (error == 0 && on_end == OnEnd::kPassOn) {
    int& other = ab_won ? error_ba : error_ab;
    if (other == ECANCELED) {
      other = ab_won ? co_await PassOn(b, a, b_to_a) : co_await PassOn(a, b, a_to_b);
    }
    error = other;
  }
  if (error == 0) {
    internal::CopySteps::ForgetEnd(a_to_b);
    internal::CopySteps::ForgetEnd(b_to_a);
  }
  co_return CopyResult{.a_to_b = a_to_b.written() - before_ab,
                       .b_to_a = b_to_a.written() - before_ba,
                       .error = error};
}

// With buffers of its own.
template <AsyncStream A, AsyncStream B>
Task<CopyResult> CopyBidirectional(A& a, B& b, OnEnd on_end = OnEnd::kPassOn) {
  CopyBuffer a_to_b;
  CopyBuffer b_to_a;
  co_return co_await CopyBidirectional(a, b, a_to_b, b_to_a, on_end);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_COPY_H_
