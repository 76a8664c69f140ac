#include "core/net/network.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/text/decimal.h"
#include "core/text/quoted.h"

namespace sluice::core {
namespace {

constexpr int kBits = 128;

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(Quoted(text).append(why));
}

int BitsOfFamily(int family) { return family == AF_INET ? 32 : kBits; }

// 1 in the bits after the first `length`.
IpBits Rest(int length) { return length == kBits ? IpBits{0} : ~IpBits{0} >> length; }

Address AddressOf(IpBits bits, int family) {
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(bits >> (kBits - 8 - 8 * static_cast<int>(i)));
  }
  if (family == AF_INET) {
    in_addr host;
    std::memcpy(&host, bytes.data(), sizeof(host));
    return Address::Ipv4(host, 0);
  }
  in6_addr host;
  std::memcpy(&host, bytes.data(), sizeof(host));
  return Address::Ipv6(host, 0);
}

}  // namespace

IpBits BitsOf(const Address& address) {
  SLUICE_DCHECK(address.is_ip());
  std::array<uint8_t, 16> bytes{};
  if (address.family() == AF_INET) {
    const in_addr host = address.ipv4();
    std::memcpy(bytes.data(), &host, sizeof(host));
  } else {
    std::memcpy(bytes.data(), &address.ipv6(), bytes.size());
  }
  IpBits bits = 0;
  for (const uint8_t byte : bytes) bits = (bits << 8) | byte;
  return bits;
}

Network Network::Around(const Address& host, int length) {
  Network network;
  network.family_ = host.family();
  network.length_ = std::min(length, BitsOfFamily(network.family_));
  network.first_ = BitsOf(host) & ~Rest(network.length_);
  return network;
}

absl::StatusOr<Network> Network::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<Address> host = Address::ParseHost(text.substr(0, slash));
  if (!host.ok()) return Bad(text, " does not begin with an IP address");
  const int most = BitsOfFamily(host->family());
  int length = most;
  if (slash != text.npos) {
    const std::optional<uint64_t> given = ParseDecimal(text.substr(slash + 1));
    if (!given || *given > static_cast<uint64_t>(most)) {
      return Bad(text, absl::StrCat(" has no prefix length from 0 to ", most, " after its \"/\""));
    }
    length = static_cast<int>(*given);
  }
  if (const Address ipv4 = host->Unmapped(); ipv4.family() != host->family()) {
    return Bad(text, absl::StrCat(" is IPv4 written as IPv6: write ", ipv4.HostToString(),
                                  length == most ? "" : " and the prefix length of IPv4"));
  }
  const Network network = Around(*host, length);
  if (network.first_ == BitsOf(*host)) return network;
  return Bad(text,
             absl::StrCat(" has bits set after its prefix: its network is ", network.ToString()));
}

std::string Network::ToString() const {
  if (family_ == AF_UNSPEC) return "";
  const std::string host = AddressOf(first_, family_).HostToString();
  return length_ == BitsOfFamily(family_) ? host : absl::StrCat(host, "/", length_);
}

IpBits Network::last() const { return first_ | Rest(length_); }

bool Network::Contains(const Address& address) const {
  const Address unmapped = address.Unmapped();
  if (unmapped.family() != family_ || family_ == AF_UNSPEC) return false;
  const IpBits bits = BitsOf(unmapped);
  return first_ <= bits && bits <= last();
}

}  // namespace sluice::core
