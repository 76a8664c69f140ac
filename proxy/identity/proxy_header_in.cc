#include "proxy/identity/proxy_header_in.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "proxy/identity/proxy_header.h"

namespace sluice::proxy {
namespace {

using core::Address;
using Read = ProxyHeaderRead;
using State = Read::State;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr size_t kFixedSize = 16;  // of version 2, before the addresses
constexpr size_t kUnixSize = 108;
constexpr size_t kUniqueIdMost = 128;

enum Tlv : uint8_t {
  kAlpn = 0x01,
  kAuthority = 0x02,
  kCrc32c = 0x03,
  kUniqueId = 0x05,
  kSsl = 0x20,
  kSslVersion = 0x21,
  kSslCommonName = 0x22,
  kSslCipher = 0x23,
  kNetns = 0x30,
  kAws = 0xea,
  kAzure = 0xee,
};

Read Malformed(const char* why) {
  return {.state = State::kMalformed, .has_begun = true, .size = 0, .why = why};
}
Read NeedMore(bool has_begun) { return {.state = State::kNeedMore, .has_begun = has_begun}; }
Read Complete(size_t size) { return {.state = State::kComplete, .has_begun = true, .size = size}; }

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
uint16_t Number16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1));
}
uint32_t Number32(std::string_view bytes, size_t at) {
  return uint32_t{Number16(bytes, at)} << 16 | Number16(bytes, at + 2);
}

// The next word, without the space behind it, which has to be there unless it is the last one.
bool TakeWord(std::string_view& line, bool is_last, std::string_view& word) {
  const size_t space = line.find(' ');
  if (is_last != (space == line.npos)) return false;
  word = line.substr(0, space);
  line.remove_prefix(is_last ? line.size() : space + 1);
  return !word.empty();
}

bool ReadPort(std::string_view word, uint16_t& port) {
  if (word.size() > 5 || (word.size() > 1 && word[0] == '0')) return false;
  uint32_t number = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  port = static_cast<uint16_t>(number);
  return number <= UINT16_MAX;
}

bool ReadHost(std::string_view word, int family, Address& address) {
  const bool looks_right = family == AF_INET6
                               ? word.find_first_not_of("0123456789abcdefABCDEF:.") == word.npos
                               : word.find_first_not_of("0123456789.") == word.npos;
  if (!looks_right) return false;
  absl::StatusOr<Address> host = Address::ParseHost(word);
  if (!host.ok() || host->family() != family) return false;
  address = *host;
  return true;
}

// `line`: without its CRLF.
const char* ReadLine(std::string_view line, ReceivedProxyHeader& header) {
  line.remove_prefix(kSignature1.size());
  header = {};
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return nullptr;
  std::string_view family;
  std::array<std::string_view, 2> hosts;
  std::array<std::string_view, 2> ports;
  if (!TakeWord(line, /*is_last=*/false, family)) return "the line has too few words";
  if (family != "TCP4" && family != "TCP6") {
    return "the family is none of TCP4, TCP6 and UNKNOWN";
  }
  for (std::string_view* word : {&hosts[0], &hosts[1], &ports[0], &ports[1]}) {
    if (!TakeWord(line, word == &ports[1], *word)) return "the line has not its five words";
  }
  const int number = family == "TCP4" ? AF_INET : AF_INET6;
  std::array<Address, 2> addresses;
  for (size_t i = 0; i < addresses.size(); ++i) {
    uint16_t port = 0;
    if (!ReadHost(hosts[i], number, addresses[i])) return "an address is none of its family";
    if (!ReadPort(ports[i], port)) return "a port is no number from 0 to 65535";
    addresses[i] = addresses[i].WithPort(port);
  }
  header.says = ProxyHeaderSays::kAddresses;
  header.source = addresses[0];
  header.destination = addresses[1];
  return nullptr;
}

Read ReadVersion1(std::string_view bytes, ReceivedProxyHeader& header) {
  const std::string_view line = bytes.substr(0, kMaxProxyLine);
  const size_t end = line.find_first_of("\r\n");
  if (end == line.npos || end + 1 == line.size()) {
    if (line.size() == kMaxProxyLine) return Malformed("there is no CRLF in 107 bytes");
    if (end == line.npos || line[end] == '\r') return NeedMore(true);
  }
  if (line[end] != '\r' || line[end + 1] != '\n') return Malformed("its line does not end by CRLF");
  if (const char* why = ReadLine(line.substr(0, end), header)) return Malformed(why);
  return Complete(end + 2);
}

// None: there is no such name.
bool ReadUnix(std::string_view name, Address& address) {
  if (name[0] != '\0') {
    const size_t end = name.find('\0');
    if (end == name.npos) return false;
    address = Address::UnixPath(name.substr(0, end));
    return true;
  }
  const size_t last = name.find_last_not_of('\0');
  if (last == name.npos) {
    const sockaddr nameless = {.sa_family = AF_UNIX, .sa_data = {}};
    address = Address(&nameless, sizeof(nameless.sa_family));
  } else {
    address = Address::UnixAbstract(name.substr(1, last));
  }
  return true;
}

Address IpAt(std::string_view block, int family, size_t host, size_t port) {
  if (family == AF_INET) {
    in_addr ipv4;
    std::memcpy(&ipv4, &block[host], sizeof(ipv4));
    return Address::Ipv4(ipv4, Number16(block, port));
  }
  in6_addr ipv6;
  std::memcpy(&ipv6, &block[host], sizeof(ipv6));
  return Address::Ipv6(ipv6, Number16(block, port));
}

// `kind`: family and protocol. Sets how many bytes of `block` the addresses have.
const char* ReadAddresses(std::string_view block, uint8_t kind, ReceivedProxyHeader& header,
                          size_t& size) {
  constexpr const char* kShort = "its length is less than that of the addresses";
  const uint8_t family = kind >> 4;
  const uint8_t protocol = kind & 15;
  size = 0;
  if (kind == 0) return nullptr;
  if (family < 1 || family > 3 || protocol < 1 || protocol > 2) {
    return "there is no such address family or protocol";
  }
  const size_t host = family == 1 ? sizeof(in_addr) : sizeof(in6_addr);
  size = family == 3 ? 2 * kUnixSize : 2 * host + 4;
  if (block.size() < size) return kShort;
  if (protocol == 2) return nullptr;  // datagrams
  header.says = ProxyHeaderSays::kAddresses;
  if (family == 3) {
    const bool are_names = ReadUnix(block.substr(0, kUnixSize), header.source) &&
                           ReadUnix(block.substr(kUnixSize, kUnixSize), header.destination);
    return are_names ? nullptr : "the name of a UNIX socket does not end";
  }
  const int number = family == 1 ? AF_INET : AF_INET6;
  header.source = IpAt(block, number, 0, 2 * host);
  header.destination = IpAt(block, number, host, 2 * host + 2);
  return nullptr;
}

struct Item {
  uint8_t type;
  std::string_view value;
};

// Returns false if there is none: then `rest` is not empty if it is no TLV.
bool TakeTlv(std::string_view& rest, Item& item) {
  if (rest.size() < 3 || rest.size() < 3u + Number16(rest, 1)) return false;
  item = {.type = ByteAt(rest, 0), .value = rest.substr(3, Number16(rest, 1))};
  rest.remove_prefix(3 + item.value.size());
  return true;
}

const char* ReadSsl(std::string_view value, std::optional<ProxySsl>& ssl) {
  constexpr uint8_t kCertificate = 0x02 | 0x04;
  constexpr const char* kBroken = "a length in the SSL TLV does not fit";
  if (value.size() < 5) return kBroken;
  ProxySsl read{.has_certificate = (ByteAt(value, 0) & kCertificate) != 0,
                .verify = Number32(value, 1)};
  std::string_view rest = value.substr(5);
  Item item;
  while (TakeTlv(rest, item)) {
    if (item.type == kSslVersion) read.version = item.value;
    if (item.type == kSslCommonName) read.common_name = item.value;
    if (item.type == kSslCipher) read.cipher = item.value;
  }
  if (!rest.empty()) return kBroken;
  ssl = std::move(read);
  return nullptr;
}

// The first byte of a cloud's TLV says what it is.
const char* ReadCloud(const Item& item, ProxyTlvs& tlvs) {
  constexpr uint8_t kVpcEndpoint = 0x01;
  constexpr uint8_t kLinkId = 0x01;
  const std::string_view value = item.value;
  if (value.empty()) return "the TLV of a cloud is empty";
  if (item.type == kAws) {
    if (ByteAt(value, 0) == kVpcEndpoint) tlvs.aws_vpce = value.substr(1);
    return nullptr;
  }
  if (ByteAt(value, 0) != kLinkId) return nullptr;
  if (value.size() != 5) return "the link id of Azure has not four bytes";
  tlvs.azure_link = __builtin_bswap32(Number32(value, 1));
  return nullptr;
}

// `whole`: the header, in which the checksum stands at `at` and counts as 0.
bool IsChecksumOf(std::string_view whole, size_t at) {
  std::string bytes(whole);
  bytes.replace(at, 4, 4, '\0');
  return Crc32c(bytes) == Number32(whole, at);
}

const char* ReadTlvs(std::string_view whole, size_t begin, ProxyTlvs& tlvs) {
  std::string_view rest = whole.substr(begin);
  std::optional<size_t> checksum_at;
  Item item;
  while (TakeTlv(rest, item)) {
    const char* why = nullptr;
    switch (item.type) {
      case kAlpn:
        tlvs.alpn = item.value;
        break;
      case kAuthority:
        tlvs.authority = item.value;
        break;
      case kCrc32c:
        if (item.value.size() != 4) return "the checksum has not four bytes";
        if (checksum_at) return "there are two checksums";
        checksum_at = static_cast<size_t>(item.value.data() - whole.data());
        break;
      case kUniqueId:
        if (item.value.size() > kUniqueIdMost) return "the unique id has more than 128 bytes";
        tlvs.unique_id = item.value;
        break;
      case kSsl:
        why = ReadSsl(item.value, tlvs.ssl);
        break;
      case kNetns:
        tlvs.netns = item.value;
        break;
      case kAws:
      case kAzure:
        why = ReadCloud(item, tlvs);
        break;
      default:
        break;
    }
    if (why != nullptr) return why;
  }
  if (!rest.empty()) return "the length of a TLV does not fit";
  if (checksum_at && !IsChecksumOf(whole, *checksum_at)) return "the checksum is wrong";
  return nullptr;
}

Read ReadVersion2(std::string_view bytes, ReceivedProxyHeader& header) {
  constexpr size_t kCommandAt = 12;
  constexpr size_t kKindAt = 13;
  constexpr size_t kLengthAt = 14;
  if (bytes.size() > kCommandAt && ByteAt(bytes, kCommandAt) >> 4 != 2) {
    return Malformed("the version is not 2");
  }
  if (bytes.size() > kCommandAt && (ByteAt(bytes, kCommandAt) & 15) > 1) {
    return Malformed("the command is neither LOCAL nor PROXY");
  }
  if (bytes.size() < kFixedSize) return NeedMore(true);
  const size_t size = kFixedSize + Number16(bytes, kLengthAt);
  if (size > kMaxProxyHeaderRead) return Malformed("it is longer than 4096 bytes");
  if (bytes.size() < size) return NeedMore(true);
  ReceivedProxyHeader read;
  if ((ByteAt(bytes, kCommandAt) & 15) == 0) {
    read.says = ProxyHeaderSays::kLocal;
  } else {
    const std::string_view whole = bytes.substr(0, size);
    size_t addresses = 0;
    if (const char* why =
            ReadAddresses(whole.substr(kFixedSize), ByteAt(bytes, kKindAt), read, addresses)) {
      return Malformed(why);
    }
    if (const char* why = ReadTlvs(whole, kFixedSize + addresses, read.tlvs)) return Malformed(why);
  }
  header = std::move(read);
  return Complete(size);
}

}  // namespace

Read ReadProxyHeader(std::string_view bytes, ReceivedProxyHeader& header) {
  for (const std::string_view signature : {kSignature1, kProxySignature2}) {
    const size_t known = std::min(bytes.size(), signature.size());
    if (bytes.substr(0, known) != signature.substr(0, known)) continue;
    if (known < signature.size()) return NeedMore(false);
    return signature == kSignature1 ? ReadVersion1(bytes, header) : ReadVersion2(bytes, header);
  }
  return {.state = State::kNoHeader};
}

}  // namespace sluice::proxy
