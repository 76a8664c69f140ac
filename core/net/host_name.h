// IsHostName: whether a text may be the name of a host.
#ifndef SLUICE_CORE_NET_HOST_NAME_H_
#define SLUICE_CORE_NET_HOST_NAME_H_

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sluice::core {

// 1 to 253 bytes: labels of 1 to 63 of a-z A-Z 0-9 - _, with dots between them, none of which
// begins with a dash. The last one is not a number, for that is a wrong IP address. A dot at the
// end, which says that the name is whole, is allowed.
constexpr bool IsHostName(std::string_view text) {
  constexpr size_t kMost = 253;
  constexpr size_t kMostOfLabel = 63;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_inner = [&is_digit](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMost) return false;
  bool is_number = false;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view label = text.substr(begin, end - begin);
    if (label.empty() || label.size() > kMostOfLabel || label[0] == '-' ||
        !std::ranges::all_of(label, is_inner)) {
      return false;
    }
    is_number = std::ranges::all_of(label, is_digit);
    begin = end + 1;
  }
  return !is_number;
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_HOST_NAME_H_
