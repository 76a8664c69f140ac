// Integers as the network has them: the most significant byte first.
//
//     std::array<std::byte, 4> header = BigEndian(uint32_t{7});
//     uint32_t length = FromBigEndian<uint32_t>(header);
//
// From a stream: BufReader::Integer (buf_reader.h).
#ifndef SLUICE_CORE_BYTES_BIG_ENDIAN_H_
#define SLUICE_CORE_BYTES_BIG_ENDIAN_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/base/check.h"

namespace sluice::core {

template <std::integral T>
constexpr std::array<std::byte, sizeof(T)> BigEndian(T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  auto rest = static_cast<uint64_t>(value);
  for (size_t i = sizeof(T); i-- > 0; rest >>= 8) bytes[i] = static_cast<std::byte>(rest & 0xff);
  return bytes;
}

// The first sizeof(T) of `bytes`, which has as many.
template <std::integral T>
constexpr T FromBigEndian(std::span<const std::byte> bytes) {
  SLUICE_DCHECK(bytes.size() >= sizeof(T));
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<uint64_t>(bytes[i]);
  return static_cast<T>(value);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_BIG_ENDIAN_H_
