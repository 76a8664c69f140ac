// GuessAddress and GuessHost: how other programs write addresses.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "conf/text/guess.h"
#include "conf/text/text.h"
#include "core/net/address.h"
#include "core/net/network.h"

namespace sluice::conf {
namespace {

struct Scheme {
  std::string_view prefix;
  std::string_view instead;  // "unix:", or nothing before an IP address
  std::string_view port;     // if the address names none
};

constexpr auto kSchemes = std::to_array<Scheme>({
    {"unix://", "unix:", ""},
    {"unix@", "unix:", ""},
    {"unix//", "unix:/", ""},
    {"uds:", "unix:", ""},
    {"uds@", "unix:", ""},
    {"abns@", "unix:@", ""},
    {"tcp://", "", ""},
    {"tcp4://", "", ""},
    {"tcp6://", "", ""},
    {"udp://", "", ""},
    {"http://", "", "80"},
    {"https://", "", "443"},
    {"h2c://", "", "80"},
    {"tls://", "", "443"},
    {"ssl://", "", "443"},
    {"ws://", "", "80"},
    {"wss://", "", "443"},
    {"redis://", "", "6379"},
    {"postgres://", "", "5432"},
    {"postgresql://", "", "5432"},
    {"mysql://", "", "3306"},
    {"mongodb://", "", "27017"},
    {"amqp://", "", "5672"},
    {"mqtt://", "", "1883"},
    {"tcp/", "", ""},
    {"tcp4/", "", ""},
    {"tcp6/", "", ""},
    {"tcp:", "", ""},
    {"tcp4:", "", ""},
    {"tcp6:", "", ""},
    {"ipv4@", "", ""},
    {"ipv6@", "", ""},
    {"ip:", "", ""},
    {"//", "", ""},
});

constexpr auto kPortNames = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"http", "80"},
    {"https", "443"},
    {"ssh", "22"},
    {"smtp", "25"},
    {"dns", "53"},
    {"imap", "143"},
    {"ldap", "389"},
    {"mysql", "3306"},
    {"postgres", "5432"},
    {"postgresql", "5432"},
    {"redis", "6379"},
    {"mqtt", "1883"},
    {"amqp", "5672"},
    {"http-alt", "8080"},
});

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 8 && std::ranges::all_of(text, IsAsciiDigit);
}

std::string WithoutZeros(std::string_view port) {
  const size_t first = std::min(port.find_first_not_of('0'), port.size() - 1);
  return std::string(port.substr(first));
}

std::string Port(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(Piece(text));
  for (const auto& [name, number] : kPortNames) {
    if (name == lower) return std::string(number);
  }
  return IsPort(text) ? WithoutZeros(text) : std::string(text);
}

std::string Host(std::string_view text, std::string_view any) {
  const std::string host = absl::AsciiStrToLower(Piece(text));
  if (host.empty() || host == "*" || host == "any" || host == "all" || host == "+" || host == "0" ||
      host == "[*]" || host == "0.0.0.0") {
    return std::string(any);
  }
  if (host == "localhost" || host == "lo" || host == "ip4-localhost") return "127.0.0.1";
  if (host == "ip6-localhost" || host == "localhost6") return "[::1]";
  const absl::StatusOr<core::Address> address = core::Address::ParseHost(host);
  if (address.ok() && address->family() == AF_INET6) return Cat("[", host, "]");
  return host;
}

// `host:port` with another way to write either, and the port alone.
void AddHostAndPort(std::string_view text, std::string_view any, std::string_view default_port,
                    Guesses& guesses) {
  const size_t colon = text.rfind(':');
  if (colon != text.npos && colon + 1 < text.size()) {
    guesses.push_back(Cat(Host(text.substr(0, colon), any), ":", Port(text.substr(colon + 1))));
  }
  if (IsPort(text)) guesses.push_back(Cat(any, ":", WithoutZeros(text)));
  if (!default_port.empty()) guesses.push_back(Cat(Host(text, any), ":", default_port));
}

}  // namespace

Guesses GuessAddress(std::string_view text, std::string_view any) {
  Guesses guesses;
  if (text.starts_with('/') && !text.starts_with("//")) return {Cat("unix:", text)};
  if (text.starts_with('@')) return {Cat("unix:", text)};
  std::string_view rest = text;
  std::string_view port;
  const std::string lower = absl::AsciiStrToLower(Piece(text));
  for (const Scheme& scheme : kSchemes) {
    if (!lower.starts_with(scheme.prefix)) continue;
    rest = text.substr(scheme.prefix.size());
    if (!scheme.instead.empty()) return {Cat(scheme.instead, rest)};
    port = scheme.port;
    break;
  }
  if (lower.starts_with("unix:")) return {Cat("unix:", text.substr(5))};
  if (const size_t at = rest.find('@'); at != rest.npos) rest.remove_prefix(at + 1);  // user@host
  // "1.2.3.4 80" and "1.2.3.4,80".
  if (const size_t gap = rest.find_first_of(" ,;#"); gap != rest.npos) {
    const size_t next = rest.find_first_not_of(" ,;#", gap);
    const std::string_view second = rest.substr(std::min(next, rest.size()));
    if (IsPort(second)) guesses.push_back(Cat(Host(rest.substr(0, gap), any), ":", second));
    rest = rest.substr(0, gap);  // nginx and HAProxy have options behind the address
  }
  rest = rest.substr(0, rest.find_first_of("/?"));  // the path of a URL, "/tcp"
  AddHostAndPort(rest, any, port, guesses);
  guesses.emplace_back(rest);
  return guesses;
}

Guesses GuessHost(std::string_view text) {
  Guesses guesses;
  for (const std::string& guess : GuessAddress(text, "0.0.0.0")) {
    const absl::StatusOr<core::Address> address = core::Address::Parse(guess);
    if (address.ok() && address->is_ip()) guesses.push_back(address->HostToString());
  }
  if (text.size() > 2 && text.starts_with('[') && text.ends_with(']')) {
    guesses.emplace_back(text.substr(1, text.size() - 2));
  }
  guesses.emplace_back(text.substr(0, text.find('/')));  // "10.0.0.1/24"
  const std::string lower = absl::AsciiStrToLower(Piece(text));
  if (lower == "localhost") guesses.emplace_back("127.0.0.1");
  for (const std::string_view word : {"auto", "any", "*", "none", "default", "off", "automatic"}) {
    if (lower == word) guesses.emplace_back("");
  }
  return guesses;
}

Guesses GuessNetwork(std::string_view text) {
  Guesses guesses;
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string length(text.substr(slash));
  const auto host = core::Address::ParseHost(text.substr(0, slash));
  const auto bits = ParseDecimal(text.substr(std::min(slash + 1, text.size())));
  if (host.ok() && bits && *bits <= 128) {
    guesses.push_back(core::Network::Around(*host, static_cast<int>(*bits)).ToString());
  }
  const std::string lower = absl::AsciiStrToLower(Piece(text));
  if (lower == "localhost") guesses.insert(guesses.end(), {"127.0.0.0/8", "::1"});
  if (lower == "all" || lower == "any" || lower == "*") {
    guesses.insert(guesses.end(), {"0.0.0.0/0", "::/0"});
  }
  for (const std::string& host : GuessHost(text)) guesses.push_back(Cat(host, length));
  return guesses;
}

}  // namespace sluice::conf
