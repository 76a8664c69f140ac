// A small protocol of frames: questions with a number, and answers with the number of their
// question.
//
//     ┌──────────────┬──────────────┬───────────────────┐
//     │ length,      │ number,      │ text              │    integers: the most significant byte
//     │ 4 bytes      │ 4 bytes      │ length - 4 bytes  │    first
//     └──────────────┴──────────────┴───────────────────┘
//
// The length in front is FrameReader's and FrameWriter's (core/bytes/frames.h), and so is the
// limit: a longer frame is an error before memory is taken for it.
#ifndef SLUICE_CORE_EXAMPLES_FRAMED_PROTOCOL_H_
#define SLUICE_CORE_EXAMPLES_FRAMED_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes/big_endian.h"

namespace framed {

inline constexpr uint32_t kLongestFrame = 65536;

struct Message {
  uint32_t number = 0;
  std::string text;
};

inline std::vector<std::byte> Encode(const Message& message) {
  const auto number = sluice::core::BigEndian(message.number);
  const auto text = std::as_bytes(std::span(message.text));
  std::vector<std::byte> frame(number.begin(), number.end());
  frame.insert(frame.end(), text.begin(), text.end());
  return frame;
}

// Nothing: it is too short to be one.
inline std::optional<Message> Decode(std::span<const std::byte> frame) {
  if (frame.size() < sizeof(uint32_t)) return std::nullopt;
  const auto text = frame.subspan(sizeof(uint32_t));
  return Message{sluice::core::FromBigEndian<uint32_t>(frame),
                 std::string(reinterpret_cast<const char*>(text.data()), text.size())};
}

}  // namespace framed

#endif  // SLUICE_CORE_EXAMPLES_FRAMED_PROTOCOL_H_
