#include "core/io/resolve/hosts_file.h"

#include <algorithm>
#include <optional>
#include <string>

namespace sluice::core {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// As names are compared: in lower case, without a dot at the end.
std::string Plain(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string plain(name);
  std::ranges::transform(plain, plain.begin(), Lower);
  return plain;
}

// The next word of `line`, which it is taken away from; "": there is none.
std::string_view TakeWord(std::string_view& line) {
  constexpr std::string_view kBlanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<Address> AddressIn(std::string_view line, const std::string& plain) {
  line = line.substr(0, line.find('#'));
  const absl::StatusOr<Address> address = Address::ParseHost(TakeWord(line));
  if (!address.ok()) return std::nullopt;
  for (std::string_view word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
    if (Plain(word) == plain) return *address;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Address> FindInHosts(std::string_view text, std::string_view name) {
  const std::string plain = Plain(name);
  std::vector<Address> found;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::optional<Address> address = AddressIn(text.substr(0, end), plain);
    if (address) found.push_back(*address);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

std::vector<Address> AddressesOfLocalhost(std::string_view name) {
  const std::string plain = Plain(name);
  if (plain != "localhost" && !plain.ends_with(".localhost")) return {};
  return {*Address::ParseHost("127.0.0.1"), *Address::ParseHost("::1")};
}

}  // namespace sluice::core
