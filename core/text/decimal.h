// ParseDecimal: a whole number as people write it, and no other spelling of it.
#ifndef SLUICE_CORE_TEXT_DECIMAL_H_
#define SLUICE_CORE_TEXT_DECIMAL_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice::core {

// Decimal digits only: no sign, no blank, no leading zero. nullopt also when above 2^64 - 1.
inline std::optional<uint64_t> ParseDecimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint64_t value = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TEXT_DECIMAL_H_
