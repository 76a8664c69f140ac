// RESP, the protocol of Redis (its version 2): commands and replies, both ways.
//
//   a command       *2\r\n$3\r\nGET\r\n$3\r\nkey\r\n        or, typed by hand:  GET key\r\n
//   replies         +OK  -ERR why  :42  $5\r\nvalue  $-1 (nothing)
//
// What a peer sends is bounded before memory is taken for it: kTooLarge. What is no RESP: EPROTO.
// After either the stream is of no use.
#ifndef SLUICE_CORE_EXAMPLES_RESP_H_
#define SLUICE_CORE_EXAMPLES_RESP_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/sluice.h"
#include "core/text/decimal.h"

namespace resp {

using sluice::core::BufReader;
using sluice::core::IoError;
using sluice::core::IoResult;
using sluice::core::Task;

using Words = std::vector<std::string>;

inline constexpr size_t kLongestLine = 4096;
inline constexpr size_t kMostWords = 1024;
inline constexpr size_t kMostBytes = 8 << 20;  // of a command, or of a reply

inline std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
inline std::string Number(int64_t number) { return ":" + std::to_string(number) + "\r\n"; }
inline std::string Nothing() { return "$-1\r\n"; }
inline std::string Error(std::string_view why) { return "-" + std::string(why) + "\r\n"; }

inline std::string Command(const Words& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) text += Bulk(word);
  return text;
}

// What stands behind the first character of "$5" or "*2".
inline IoResult<size_t> Count(std::string_view line, size_t most) {
  const std::optional<uint64_t> count = sluice::core::ParseDecimal(line.substr(1));
  if (!count.has_value()) return IoError(EPROTO);
  if (*count > most) return IoError(sluice::core::kTooLarge);
  return static_cast<size_t>(*count);
}

// So many bytes, and the end of line behind them.
template <typename Stream>
Task<IoResult<std::string>> ReadBulk(BufReader<Stream>& reader, size_t size) {
  IoResult<std::span<const std::byte>> bytes = co_await reader.Exact(size + 2);
  if (!bytes.ok()) co_return IoError(bytes.error());
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (!text.ends_with("\r\n")) co_return IoError(EPROTO);
  co_return std::string(text.substr(0, size));
}

inline Words WordsOf(std::string_view line) {
  Words words;
  while (true) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(line.find(' ', begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

// The words of the next command, perhaps none; nothing at the end.
template <typename Stream>
Task<IoResult<std::optional<Words>>> ReadCommand(BufReader<Stream>& reader) {
  IoResult<std::optional<std::string_view>> line = co_await reader.Line(kLongestLine);
  if (!line.ok()) co_return IoError(line.error());
  if (!line->has_value()) co_return std::optional<Words>();
  if (!(*line)->starts_with('*')) co_return std::optional(WordsOf(**line));
  IoResult<size_t> count = Count(**line, kMostWords);
  if (!count.ok()) co_return IoError(count.error());
  Words words;
  size_t left = kMostBytes;
  while (words.size() < *count) {
    IoResult<std::optional<std::string_view>> head = co_await reader.Line(kLongestLine);
    if (!head.ok()) co_return IoError(head.error());
    if (!head->has_value()) co_return IoError(sluice::core::kEndedEarly);
    if (!(*head)->starts_with('$')) co_return IoError(EPROTO);
    IoResult<size_t> size = Count(**head, left);
    if (!size.ok()) co_return IoError(size.error());
    left -= *size;
    IoResult<std::string> word = co_await ReadBulk(reader, *size);
    if (!word.ok()) co_return IoError(word.error());
    words.push_back(std::move(*word));
  }
  co_return std::optional(std::move(words));
}

struct Reply {
  char kind = '$';  // '+' a word, '-' an error, ':' a number, '$' a value or nothing
  std::optional<std::string> text;

  bool is_error() const { return kind == '-'; }
};

// Replies of lists are not needed here: EPROTO.
template <typename Stream>
Task<IoResult<Reply>> ReadReply(BufReader<Stream>& reader) {
  IoResult<std::optional<std::string_view>> line = co_await reader.Line(kLongestLine);
  if (!line.ok()) co_return IoError(line.error());
  if (!line->has_value()) co_return IoError(sluice::core::kEndedEarly);
  const std::string_view text = **line;
  if (text.empty() || std::string_view("+-:$").find(text[0]) == std::string_view::npos) {
    co_return IoError(EPROTO);
  }
  Reply reply{text[0], std::string(text.substr(1))};
  if (reply.kind != '$') co_return reply;
  reply.text.reset();
  if (text == "$-1") co_return reply;
  IoResult<size_t> size = Count(text, kMostBytes);
  if (!size.ok()) co_return IoError(size.error());
  IoResult<std::string> value = co_await ReadBulk(reader, *size);
  if (!value.ok()) co_return IoError(value.error());
  reply.text = std::move(*value);
  co_return reply;
}

}  // namespace resp

#endif  // SLUICE_CORE_EXAMPLES_RESP_H_
