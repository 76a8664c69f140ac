// FrameReader, FrameWriter: messages through a stream, each behind its length.
//
//     ┌───────────────────┬─────────────────┐
//     │ length, 4 bytes,  │ so many bytes   │   the most significant byte first; without the header
//     └───────────────────┴─────────────────┘
//
//     FrameReader frames(reader, /*most=*/1 << 16);           // a BufReader, which outlives it
//     IoResult<std::optional<std::span<const std::byte>>> frame = co_await frames.Next();
//     FrameWriter out(stream, /*most=*/1 << 16);
//     IoResult<void> sent = co_await out.Send(bytes);         // now
//     IoResult<void> fed = co_await out.Feed(bytes);          // with others: one call for many
//     IoResult<void> flushed = co_await out.Flush();          // those that were fed, too
//
// Limits        A length beyond `most` is kTooLarge before a byte of the frame is read or memory is
//               taken for it; the stream is of no use then. To send one is kTooLarge, and nothing
//               is sent.
// Cut short     Next: the bytes stay with the reader; the next call goes on there.
//               Send: it has sent nothing (ECANCELED), or has taken the frame: when a part of it is
//               with the kernel already it brings success, and the rest, which it keeps, goes out
//               with the next Send or Flush. So frames are never mixed up.
//               Feed: it has not taken the frame (ECANCELED), or has.
// Small frames  are copied behind their header and go out as one piece, which costs less than two.
// Fed           Frames that were fed are kept until there are kFedAtOnce bytes of them; the Feed
//               behind sends them first. A writer that goes before a Flush drops them.
// Branches      of a task may call the same writer at the same time: one sends, those that would
//               send wait for it, first come, first served, and a Feed keeps its frame meanwhile.
//               A Flush ends when what was fed before it is out.
// Errors        of the stream: the frame of the Send has not gone as a whole, and is not kept; the
//               fed ones in front of it are, as far as they have not gone.
// The end       Between two frames: nothing. Inside of one: kEndedEarly.
// Threads: inside one task each. Checked by: tests/core/bytes/frames_test.cc.
#ifndef SLUICE_CORE_BYTES_FRAMES_H_
#define SLUICE_CORE_BYTES_FRAMES_H_

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/at_once.h"
#include "core/bytes/big_endian.h"
#include "core/bytes/buf_reader.h"
#include "core/bytes/transferred.h"
#include "core/bytes/whole.h"
#include "core/bytes/write_turn.h"
#include "core/task/task.h"

namespace sluice::core {

inline constexpr size_t kFrameHeader = sizeof(uint32_t);
// Bytes of frames that are gathered before they are sent.
inline constexpr size_t kFedAtOnce = 8192;
// Bytes of a frame that are copied to be sent in one piece with the header.
inline constexpr size_t kSmallFrame = 1024;

template <AsyncRead Stream>
class FrameReader {
 public:
  FrameReader(BufReader<Stream>& reader, uint32_t most) : reader_(reader), most_(most) {}

  // The next frame, valid until the next call; nothing at the end.
  auto Next() {
    return internal::AtOnceOr([this] { return NextNow(); }, [this] { return ReadNext(); });
  }

 private:
  using MaybeFrame = std::optional<std::span<const std::byte>>;

  // Nothing: not all of it is there.
  std::optional<IoResult<MaybeFrame>> NextNow() {
    const std::span<const std::byte> there = reader_.buffered();
    if (there.size() < kFrameHeader) return std::nullopt;
    const size_t length = FromBigEndian<uint32_t>(there);
    if (length > most_) return IoResult<MaybeFrame>(IoError(kTooLarge));
    const MaybeFrame all = reader_.ExactNow(kFrameHeader + length);
    if (!all.has_value()) return std::nullopt;
    return IoResult<MaybeFrame>(all->subspan(kFrameHeader));
  }
  Task<IoResult<MaybeFrame>> ReadNext() {
    IoResult<bool> header = co_await reader_.Peek(kFrameHeader);
    if (!header.ok()) co_return IoError(header.error());
    if (!*header) {
      if (!reader_.buffered().empty()) co_return IoError(kEndedEarly);
      co_return MaybeFrame();
    }
    const size_t length = FromBigEndian<uint32_t>(reader_.buffered());
    if (length > most_) co_return IoError(kTooLarge);
    IoResult<std::span<const std::byte>> all = co_await reader_.Exact(kFrameHeader + length);
    if (!all.ok()) co_return IoError(all.error());
    co_return MaybeFrame(all->subspan(kFrameHeader));
  }

  BufReader<Stream>& reader_;
  const uint32_t most_;
};

template <AsyncWrite Stream>
class FrameWriter {
 public:
  FrameWriter(Stream& stream, uint32_t most) : stream_(stream), most_(most) {}

  Task<IoResult<void>> Send(std::span<const std::byte> bytes) {
    if (bytes.size() > most_) co_return IoError(kTooLarge);
    const internal::WriteTurn::Held held = co_await turn_.Take();
    if (!held) co_return IoError(ECANCELED);
    // Another branch may feed meanwhile: `rest_` is not what is being sent.
    std::vector<std::byte> out = std::exchange(rest_, {});
    const size_t before = out.size();
    const bool is_small = bytes.size() <= kSmallFrame;
    Transferred sent;
    if (is_small) {
      AppendFrame(out, bytes);
      sent = co_await WriteAll(stream_, std::span<const std::byte>(out));
    } else {
      const std::array<std::byte, kFrameHeader> header = HeaderOf(bytes);
      std::array<std::span<const std::byte>, 3> parts = {out, header, bytes};
      sent = co_await WriteAll(stream_, std::span(parts));
    }
    const bool is_taken = sent.error() == ECANCELED && sent.bytes() > before;
    if (is_taken && !is_small) AppendFrame(out, bytes);
    if (!is_taken) out.resize(before);
    KeepUnsent(std::move(out), sent.bytes());
    if (!sent.ok() && !is_taken) co_return IoError(sent.error());
    co_return IoResult<void>();
  }

  // Keeps the frame, to be sent with others.
  auto Feed(std::span<const std::byte> bytes) {
    return internal::AtOnceOr([=, this] { return FeedNow(bytes); },
                              [=, this] { return FlushAndFeed(bytes); });
  }

  // What was fed goes out, and what is left of a frame that was cut short. When this is cut short,
  // what is left then goes out with the next call.
  Task<IoResult<void>> Flush() {
    if (rest_.empty() && !turn_.is_taken()) co_return IoResult<void>();
    const internal::WriteTurn::Held held = co_await turn_.Take();
    if (!held) co_return IoError(ECANCELED);
    std::vector<std::byte> out = std::exchange(rest_, {});  // as in Send
    const Transferred sent = co_await WriteAll(stream_, std::span<const std::byte>(out));
    KeepUnsent(std::move(out), sent.bytes());
    if (!sent.ok()) co_return IoError(sent.error());
    co_return IoResult<void>();
  }

  // Bytes of a frame that was cut short, and of those that were fed; without what a call that waits
  // is sending.
  size_t unsent() const { return rest_.size(); }

 private:
  static std::array<std::byte, kFrameHeader> HeaderOf(std::span<const std::byte> bytes) {
    return BigEndian(static_cast<uint32_t>(bytes.size()));
  }
  static void AppendFrame(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    const std::array<std::byte, kFrameHeader> header = HeaderOf(bytes);
    to.insert(to.end(), header.begin(), header.end());
    to.insert(to.end(), bytes.begin(), bytes.end());
  }
  // What is left of `out` goes out before what was fed while the rest of it was sent.
  void KeepUnsent(std::vector<std::byte> out, uint64_t sent) {
    const uint64_t gone = std::min<uint64_t>(sent, out.size());
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(gone));
    out.insert(out.end(), rest_.begin(), rest_.end());
    rest_ = std::move(out);
  }

  // Nothing: there is enough to be sent before.
  std::optional<IoResult<void>> FeedNow(std::span<const std::byte> bytes) {
    if (bytes.size() > most_) return IoResult<void>(IoError(kTooLarge));
    if (rest_.size() >= kFedAtOnce) return std::nullopt;
    AppendFrame(rest_, bytes);
    return IoResult<void>();
  }
  Task<IoResult<void>> FlushAndFeed(std::span<const std::byte> bytes) {
    while (true) {
      IoResult<void> flushed = co_await Flush();
      if (!flushed.ok()) co_return flushed;
      // Others may have fed as much again.
      if (std::optional<IoResult<void>> fed = FeedNow(bytes)) co_return *fed;
    }
  }

  Stream& stream_;
  const uint32_t most_;
  internal::WriteTurn turn_;
  std::vector<std::byte> rest_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_FRAMES_H_
