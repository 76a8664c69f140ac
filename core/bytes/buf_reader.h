// BufReader: whole units out of a stream: lines, pieces between delimiters, integers, so many
// bytes, all to the end. Lines and Split: unit after unit.
//
//     BufReader reader(stream);                       // `stream` outlives it
//     IoResult<std::optional<std::string_view>> line = co_await reader.Line(/*most=*/4096);
//     if (!line.ok()) ...                             // kTooLarge, or what the stream says
//     if (!*line) ...                                 // the end
//     IoResult<uint32_t> length = co_await reader.Integer<uint32_t>();
//
//   stream ── Read ──► [ bytes that are read ] ── a whole unit is there ──► handed out as a view
//                              │ cut short                                      │ the next call
//                              └── they stay: the next call goes on there       └──► they are gone
//
// Cut short     Every function here: what has been read stays, and no unit is lost or handed out
//               twice, whatever the next call asks for.
// Views         A view is valid until the next call of any function but buffered().
// Limits        Each unit has one, in bytes; a larger one is kTooLarge, and so is every further try
//               with that limit. What is held is at most the largest limit asked for, and a piece
//               of `first` bytes. After a large unit the memory is given back, as soon as nothing
//               is buffered.
// The end       A last line without its delimiter is a line. Units of a fixed size that the end
//               cuts off are kEndedEarly, and their bytes stay.
//
// It is a stream to read from, too (Read brings first what it has read ahead). Threads: inside one
// task. Checked by: tests/core/bytes/buf_reader_test.cc.
#ifndef SLUICE_CORE_BYTES_BUF_READER_H_
#define SLUICE_CORE_BYTES_BUF_READER_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/at_once.h"
#include "core/bytes/big_endian.h"
#include "core/bytes/byte_queue.h"
#include "core/bytes/transferred.h"
#include "core/task/task.h"

namespace sluice::core {

template <AsyncRead Stream>
class BufReader {
 public:
  using MaybeText = std::optional<std::string_view>;
  using Bytes = std::span<const std::byte>;

  explicit BufReader(Stream& stream, size_t first = 512) : stream_(stream), queue_(first) {
    SLUICE_CHECK_USE(first > 0, "a BufReader begins with some memory: give it at least 1 byte");
  }

  // The next piece up to `delimiter`, without it; nothing at the end.
  auto Until(char delimiter, size_t most) {
    return internal::AtOnceOr([=, this] { return UntilNow(delimiter, most); },
                              [=, this] { return ReadUntil(delimiter, most); });
  }

  // The next line, without "\n" or "\r\n"; nothing at the end. A "\r" counts as one of `most`.
  auto Line(size_t most) {
    return internal::AtOnceOr(
        [=, this] {
          std::optional<IoResult<MaybeText>> line = UntilNow('\n', most);
          if (line.has_value()) CutReturn(*line);
          return line;
        },
        [=, this] { return ReadLine(most); });
  }

  // Exactly so many bytes.
  auto Exact(size_t count) {
    return internal::AtOnceOr(
        [=, this] {
          const std::optional<Bytes> bytes = ExactNow(count);
          return bytes.has_value() ? std::optional(IoResult<Bytes>(*bytes)) : std::nullopt;
        },
        [=, this] { return ReadExactly(count); });
  }
  // The same, if they are there already.
  std::optional<Bytes> ExactNow(size_t count) {
    if (buffered().size() < count) return std::nullopt;
    Release();
    handed_ = count;
    return queue_.bytes().first(count);
  }

  // The most significant byte first.
  template <std::integral T>
  Task<IoResult<T>> Integer() {
    IoResult<Bytes> bytes = co_await Exact(sizeof(T));
    if (!bytes.ok()) co_return IoError(bytes.error());
    co_return FromBigEndian<T>(*bytes);
  }

  // All that comes until the end.
  Task<IoResult<std::string_view>> ToEnd(size_t most) {
    Release();
    while (queue_.size() <= most) {
      IoResult<size_t> got = co_await FillBeyond(most);
      if (!got.ok()) co_return IoError(got.error());
      if (*got > 0) continue;
      handed_ = queue_.size();
      co_return Text(handed_);
    }
    co_return IoError(kTooLarge);
  }

  // Waits until so many bytes are there, and leaves them in buffered(). False: the end came before.
  Task<IoResult<bool>> Peek(size_t count) {
    Release();
    return Have(count);
  }
  // Drops so many of buffered().
  void Skip(size_t count) {
    Release();
    SLUICE_CHECK_USE(count <= queue_.size(), "Skip drops what buffered() has: Peek waits for it");
    queue_.Remove(count);
  }

  // What has been read, but for what has been handed out.
  std::span<const std::byte> buffered() const { return queue_.bytes().subspan(handed_); }
  size_t capacity() const { return queue_.capacity(); }

  Task<IoResult<size_t>> Read(std::span<std::byte> bytes) {
    Release();
    if (queue_.empty()) co_return co_await stream_.Read(bytes);
    const size_t count = std::min(bytes.size(), queue_.size());
    std::memcpy(bytes.data(), queue_.bytes().data(), count);
    queue_.Remove(count);
    co_return count;
  }

  Stream& stream() { return stream_; }

 private:
  // What the last call has handed out is not needed any more.
  void Release() {
    queue_.Remove(std::exchange(handed_, 0));
    queue_.Trim();
  }

  std::string_view Text(size_t count) const {
    return {reinterpret_cast<const char*>(queue_.bytes().data()), count};
  }
  std::optional<size_t> Find(char delimiter, size_t from) const {
    const size_t at = Text(queue_.size()).find(delimiter, from);
    if (at == std::string_view::npos) return std::nullopt;
    return at;
  }
  // Nothing: there is none yet.
  std::optional<IoResult<MaybeText>> UntilNow(char delimiter, size_t most) {
    Release();
    return Found(Find(delimiter, 0), most);
  }
  std::optional<IoResult<MaybeText>> Found(std::optional<size_t> at, size_t most) {
    if (!at.has_value()) return std::nullopt;
    if (*at > most) return IoResult<MaybeText>(IoError(kTooLarge));
    handed_ = *at + 1;
    return IoResult<MaybeText>(MaybeText(Text(*at)));
  }
  // After an UntilNow that has found nothing.
  Task<IoResult<MaybeText>> ReadUntil(char delimiter, size_t most) {
    while (true) {
      const size_t seen = queue_.size();
      if (seen > most) co_return IoError(kTooLarge);
      IoResult<size_t> got = co_await FillBeyond(most);
      if (!got.ok()) co_return IoError(got.error());
      if (*got == 0) co_return Rest();
      std::optional<IoResult<MaybeText>> found = Found(Find(delimiter, seen), most);
      if (found.has_value()) co_return *std::move(found);
    }
  }
  Task<IoResult<MaybeText>> ReadLine(size_t most) {
    IoResult<MaybeText> line = co_await ReadUntil('\n', most);
    CutReturn(line);
    co_return line;
  }
  // Of a line that has its "\n".
  void CutReturn(IoResult<MaybeText>& line) const {
    if (!line.ok() || !line->has_value() || handed_ == (*line)->size()) return;
    if ((*line)->ends_with('\r')) (*line)->remove_suffix(1);
  }
  Task<IoResult<Bytes>> ReadExactly(size_t count) {
    Release();
    IoResult<bool> there = co_await Have(count);
    if (!there.ok()) co_return IoError(there.error());
    if (!*there) co_return IoError(kEndedEarly);
    handed_ = count;
    co_return queue_.bytes().first(count);
  }
  // At the end: a last piece without a delimiter, or nothing.
  IoResult<MaybeText> Rest() {
    if (queue_.empty()) return MaybeText();
    handed_ = queue_.size();
    return MaybeText(Text(handed_));
  }

  // Reads once. `most`: what the queue is to hold at most.
  Task<IoResult<size_t>> Fill(size_t most) {
    IoResult<size_t> got = co_await stream_.Read(queue_.Space(most));
    if (got.ok()) queue_.Add(*got);
    co_return got;
  }
  // The same for a unit of at most so many bytes: with one more it is told from a larger one.
  auto FillBeyond(size_t most) { return Fill(std::max(most, most + 1)); }  // SIZE_MAX: no limit
  Task<IoResult<bool>> Have(size_t count) {
    while (queue_.size() < count) {
      IoResult<size_t> got = co_await Fill(count);
      if (!got.ok()) co_return IoError(got.error());
      if (*got == 0) co_return false;
    }
    co_return true;
  }

  Stream& stream_;
  ByteQueue queue_;
  size_t handed_ = 0;  // at the front of the queue: what the last call has handed out
};

// `while (true) { auto line = co_await lines.Next(); ... }`: see BufReader::Line.
template <AsyncRead Stream>
class Lines {
 public:
  Lines(BufReader<Stream>& reader, size_t most) : reader_(reader), most_(most) {}
  auto Next() { return reader_.Line(most_); }

 private:
  BufReader<Stream>& reader_;
  const size_t most_;
};

// Pieces between delimiters: see BufReader::Until.
template <AsyncRead Stream>
class Split {
 public:
  Split(BufReader<Stream>& reader, char delimiter, size_t most)
      : reader_(reader), delimiter_(delimiter), most_(most) {}
  auto Next() { return reader_.Until(delimiter_, most_); }

 private:
  BufReader<Stream>& reader_;
  const char delimiter_;
  const size_t most_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_BUF_READER_H_
