#include "proxy/identity/proxy_header.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::proxy {
namespace {

using core::Address;

constexpr uint8_t kLocal = 0x20;  // version 2 and the command
constexpr uint8_t kProxy = 0x21;
constexpr uint8_t kUnspecified = 0x00;  // family and protocol
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr uint8_t kUnixStream = 0x31;
constexpr uint8_t kAlpnType = 0x01;
constexpr uint8_t kAuthorityType = 0x02;
constexpr uint8_t kCrc32cType = 0x03;
constexpr uint8_t kUniqueIdType = 0x05;
constexpr size_t kUnixSize = 108;

void AddByte(std::string& to, uint8_t byte) { to += static_cast<char>(byte); }

void AddNumber16(std::string& to, size_t number) {
  AddByte(to, static_cast<uint8_t>(number >> 8));
  AddByte(to, static_cast<uint8_t>(number));
}

template <typename Raw>
void AddRaw(std::string& to, const Raw& raw) {
  to.append(reinterpret_cast<const char*>(&raw), sizeof(raw));
}

void AddHost(std::string& to, const Address& address) {
  if (address.family() == AF_INET) {
    AddRaw(to, address.ipv4());
  } else {
    AddRaw(to, address.ipv6());
  }
}

void AddUnix(std::string& to, const Address& address) {
  std::string name(address.unix_name());
  name.resize(kUnixSize);
  to += name;
}

bool AreIp(const ProxiedConnection& connection) {
  return connection.client.is_ip() && connection.client.family() == connection.proxy.family();
}

std::string MakeV1(const ProxiedConnection& connection) {
  if (!AreIp(connection)) return "PROXY UNKNOWN\r\n";
  const Address& client = connection.client;
  return absl::StrCat("PROXY ", client.family() == AF_INET ? "TCP4 " : "TCP6 ",
                      client.HostToString(), " ", connection.proxy.HostToString(), " ",
                      client.port(), " ", connection.proxy.port(), "\r\n");
}

uint8_t AddAddresses(std::string& to, const ProxiedConnection& connection) {
  const Address& client = connection.client;
  if (AreIp(connection)) {
    AddHost(to, client);
    AddHost(to, connection.proxy);
    AddNumber16(to, client.port());
    AddNumber16(to, connection.proxy.port());
    return client.family() == AF_INET ? kTcp4 : kTcp6;
  }
  if (!client.is_unix() || !connection.proxy.is_unix()) return kUnspecified;
  AddUnix(to, client);
  AddUnix(to, connection.proxy);
  return kUnixStream;
}

void AddTlv(std::string& to, uint8_t type, std::string_view value) {
  if (value.empty()) return;
  AddByte(to, type);
  AddNumber16(to, value.size());
  to += value;
}

std::string MakeV2(uint8_t command, const conf::SendProxy& how,
                   const ProxiedConnection& connection) {
  using conf::ProxyTlv;
  const bool has_checksum = how.has(ProxyTlv::kCrc32c);
  std::string rest;
  const uint8_t family = AddAddresses(rest, connection);
  if (how.has(ProxyTlv::kAlpn)) AddTlv(rest, kAlpnType, connection.alpn);
  if (how.has(ProxyTlv::kAuthority)) AddTlv(rest, kAuthorityType, connection.authority);
  if (how.has(ProxyTlv::kUniqueId)) AddTlv(rest, kUniqueIdType, connection.unique_id);
  std::string header(kProxySignature2);
  AddByte(header, command);
  AddByte(header, family);
  AddNumber16(header, rest.size() + (has_checksum ? 7 : 0));
  header += rest;
  if (!has_checksum) return header;
  AddByte(header, kCrc32cType);
  AddNumber16(header, sizeof(uint32_t));
  const size_t at = header.size();
  header.append(sizeof(uint32_t), '\0');  // it counts as 0
  const uint32_t checksum = Crc32c(header);
  for (size_t i = 0; i < sizeof(checksum); ++i) {
    header[at + i] = static_cast<char>(checksum >> (24 - 8 * i));
  }
  return header;
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

std::string MakeProxyHeader(const conf::SendProxy& how, const ProxiedConnection& connection) {
  SLUICE_DCHECK(how.version != conf::ProxyVersion::kOff);
  // One that has no other form next to an address of IPv6 stays as it is.
  ProxiedConnection unmapped = connection;
  unmapped.client = connection.client.Unmapped();
  unmapped.proxy = connection.proxy.Unmapped();
  const ProxiedConnection& sent = AreIp(connection) && !AreIp(unmapped) ? connection : unmapped;
  if (how.version == conf::ProxyVersion::kV1) return MakeV1(sent);
  return MakeV2(kProxy, how, sent);
}

std::string MakeLocalProxyHeader(const conf::SendProxy& how) {
  SLUICE_DCHECK(how.version != conf::ProxyVersion::kOff);
  if (how.version == conf::ProxyVersion::kV1) return "PROXY UNKNOWN\r\n";
  return MakeV2(kLocal, how, {});
}

}  // namespace sluice::proxy
