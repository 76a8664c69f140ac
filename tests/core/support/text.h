// Texts as bytes and back, and an endless text by which lost and doubled bytes are seen.
#ifndef SLUICE_TESTS_CORE_SUPPORT_TEXT_H_
#define SLUICE_TESTS_CORE_SUPPORT_TEXT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::core::testing {

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::span<std::byte> RoomIn(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}
inline std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Byte number `position` of it; `count` of them.
inline char LetterAt(size_t position) {
  return static_cast<char>((position * 0x9E3779B97F4A7C15u) >> 56);
}
inline std::string LettersAt(size_t position, size_t count) {
  std::string text(count, '\0');
  for (size_t i = 0; i < count; ++i) text[i] = LetterAt(position + i);
  return text;
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_TEXT_H_
