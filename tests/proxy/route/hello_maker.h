// MakeHello: the hello of a TLS client, made by hand for tests.
#ifndef SLUICE_TESTS_PROXY_ROUTE_HELLO_MAKER_H_
#define SLUICE_TESTS_PROXY_ROUTE_HELLO_MAKER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::proxy {

// A number in so many bytes.
inline std::string Number(size_t value, int size) {
  std::string bytes;
  while (size-- > 0) bytes += static_cast<char>(value >> 8 * size & 0xFF);
  return bytes;
}

// With its length before it.
inline std::string Counted(std::string_view text, int size) {
  return Number(text.size(), size) + std::string(text);
}

struct Extension {
  uint16_t type;
  std::string body;
};

inline Extension NameExtension(std::string_view name) {
  return {0, Counted(Number(0, 1) + Counted(name, 2), 2)};
}

inline Extension AlpnExtension(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) list += Counted(protocol, 1);
  return {16, Counted(list, 2)};
}

inline std::string MakeMessage(const std::vector<Extension>& extensions,
                               bool has_extensions = true) {
  std::string list;
  for (const Extension& each : extensions) list += Number(each.type, 2) + Counted(each.body, 2);
  std::string body = Number(0x0303, 2) + std::string(32, 'r') + Counted(std::string(32, 's'), 1) +
                     Counted("\x0A\x0A\x13\x01\x13\x02", 2) + Counted(std::string(1, '\0'), 1);
  if (has_extensions) body += Counted(list, 2);
  return Number(1, 1) + Counted(body, 3);
}

// `message` in records of at most so many bytes.
inline std::string InRecords(std::string_view message, size_t most = 16384) {
  std::string bytes;
  while (!message.empty()) {
    const std::string_view part = message.substr(0, most);
    bytes += Number(0x160301, 3) + Counted(part, 2);
    message.remove_prefix(part.size());
  }
  return bytes;
}

inline std::string MakeHello(std::string_view name, const std::vector<std::string>& alpn = {},
                             std::vector<Extension> others = {}) {
  std::vector<Extension> extensions = std::move(others);
  if (!name.empty()) extensions.push_back(NameExtension(name));
  if (!alpn.empty()) extensions.push_back(AlpnExtension(alpn));
  return InRecords(MakeMessage(extensions));
}

// The hello of SSL 2, by which a client offers TLS: with `ciphers` of three bytes each.
inline std::string MakeSsl2Hello(size_t ciphers = 7, size_t session = 0, size_t challenge = 16) {
  const std::string body = Number(1, 1) + Number(0x0301, 2) + Number(3 * ciphers, 2) +
                           Number(session, 2) + Number(challenge, 2) +
                           std::string(3 * ciphers, 'c') + std::string(session, 's') +
                           std::string(challenge, 'h');
  return Number(0x8000 + body.size(), 2) + body;
}

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace sluice::proxy

#endif  // SLUICE_TESTS_PROXY_ROUTE_HELLO_MAKER_H_
