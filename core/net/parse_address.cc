// Address::Parse and Address::ParseHost: from text to an Address, and what is wrong with a text
// that is none.
#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/net/address.h"
#include "core/text/decimal.h"
#include "core/text/quoted.h"

namespace sluice::core {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(Quoted(text).append(why));
}

bool IsControlCharacter(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

absl::StatusOr<Address> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  const bool is_abstract = path.starts_with('@');
  if (path.empty()) return Bad(text, " has no path");
  if (!is_abstract && !path.starts_with('/')) {
    return Bad(text, " is not an absolute path: it has to begin with \"/\"");
  }
  if (is_abstract && path.size() == 1) return Bad(text, " has no name after \"@\"");
  if (std::ranges::any_of(path, IsControlCharacter)) return Bad(text, " has a control character");
  const std::string_view name = is_abstract ? path.substr(1) : path;
  if (name.size() > Address::kUnixNameMax) {
    return Bad(text,
               absl::StrCat(" is longer than the kernel takes, ", Address::kUnixNameMax, " bytes"));
  }
  return is_abstract ? Address::UnixAbstract(name) : Address::UnixPath(name);
}

bool LooksLikeHostName(std::string_view host) {
  return std::ranges::any_of(host, IsLetter) && std::ranges::all_of(host, [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '.' || c == '-' || c == '_';
         });
}

std::string_view WhyNotIp(std::string_view host) {
  if (LooksLikeHostName(host)) {
    return " has a host name: an IP address is needed";
  }
  if (host.empty() || host == "*") return " has no IP address (0.0.0.0 or [::] stands for any)";
  const bool is_ipv6_like = host.find_first_not_of("0123456789abcdefABCDEF:.") == host.npos;
  if (is_ipv6_like && host.find(':') != host.npos) return " is an IPv6 address without [ ]";
  return " has no valid IP address before its port";
}

std::string_view WhyNoPort(std::string_view text) {
  if (ParseDecimal(text).has_value()) return " is a port without an IP address";
  if (text.empty()) return " is empty";
  if (text.starts_with('/') || text.starts_with('@')) return " is a UNIX socket without \"unix:\"";
  if (text.find("://") != text.npos) return " is a URL";
  return " has no port";
}

std::string_view WhyNotPort(std::string_view port) {
  if (const size_t dash = port.find('-'); dash != 0 && dash != port.npos) {
    return " has a range of ports, which is not supported: each port needs its address";
  }
  return " has a port that is not a number up to 65535";
}

std::optional<in_addr> ParseIpv4(const std::string& host) {
  in_addr address;
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return std::nullopt;
  return address;
}

std::optional<in6_addr> ParseIpv6(const std::string& host) {
  in6_addr address;
  if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
  return address;
}

absl::StatusOr<Address> ParseIp(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  if (!has_port) return Bad(text, WhyNoPort(text));
  if (text.find("://") != text.npos) return Bad(text, " is a URL, not an address");
  if (text.find_first_of(" ,") != text.npos) return Bad(text, " is more than one address");
  const std::string_view port_text = text.substr(colon + 1);
  const std::optional<uint64_t> port = ParseDecimal(port_text);
  if (!port || *port > 65535) return Bad(text, WhyNotPort(port_text));
  const std::string host(text.substr(0, colon));
  if (const auto ipv4 = ParseIpv4(host)) return Address::Ipv4(*ipv4, static_cast<uint16_t>(*port));
  if (!host.starts_with('[') || !host.ends_with(']')) return Bad(text, WhyNotIp(host));
  const std::string inside = host.substr(1, host.size() - 2);
  if (const auto ipv6 = ParseIpv6(inside)) {
    return Address::Ipv6(*ipv6, static_cast<uint16_t>(*port));
  }
  const bool has_zone = inside.find('%') != std::string::npos;
  return Bad(text, has_zone ? " has an IPv6 zone, which is not supported yet"
                            : " has no valid IPv6 address between [ and ]");
}

}  // namespace

absl::StatusOr<Address> Address::Parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Bad(text, " has a NUL byte");
  return text.starts_with(kUnixPrefix) ? ParseUnix(text) : ParseIp(text);
}

absl::StatusOr<Address> Address::ParseHost(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Bad(text, " has a NUL byte");
  const std::string host(text);
  if (const auto ipv4 = ParseIpv4(host)) return Ipv4(*ipv4, 0);
  if (const auto ipv6 = ParseIpv6(host)) return Ipv6(*ipv6, 0);
  return Bad(text, Parse(text).ok() ? " is more than an IP address" : " is not an IP address");
}

}  // namespace sluice::core
