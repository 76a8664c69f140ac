// A header of the PROXY protocol: read from its pieces like from all of it, with other bytes behind
// it, and as a second reading of the rules says; what it says is sent and read again.
#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/identity/proxy_header.h"
#include "proxy/identity/proxy_header_in.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::ProxyHeaderSays;
using State = proxy::ProxyHeaderRead::State;

enum Mistake : size_t { kNone, kTakesZeros, kNoChecksum, kLooseTlvs, kLongLine };

// As far as the second reading goes.
struct Known {
  State state = State::kNeedMore;
  size_t size = 0;
  std::string source = {};
  std::string unique_id = {};
  bool operator==(const Known&) const = default;
};

std::string SourceOf(const proxy::ReceivedProxyHeader& header) {
  return header.says == ProxyHeaderSays::kAddresses ? header.source.ToString() : "";
}

bool IsHost(int family, const std::string& host) {
  char raw[16];
  return inet_pton(family, host.c_str(), raw) == 1;
}

Known ReadLine(const std::string& bytes, size_t mistake) {
  const size_t most = mistake == kLongLine ? 108 : 107;
  const std::string head = bytes.substr(0, most);
  const size_t end = head.find_first_of("\r\n");
  if (end == head.npos) return {.state = head.size() < most ? State::kNeedMore : State::kMalformed};
  if (head[end] == '\r' && end + 1 == head.size() && head.size() < most) return {};
  if (head.compare(end, 2, "\r\n") != 0) return {.state = State::kMalformed};
  const std::string line = head.substr(0, end);
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN "))
    return {.state = State::kComplete, .size = end + 2};
  static const std::regex strict(
      "PROXY TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})");
  static const std::regex loose(
      "PROXY TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) ([0-9]{1,5}) ([0-9]{1,5})");
  std::smatch words;
  if (!std::regex_match(line, words, mistake == kTakesZeros ? loose : strict)) {
    return {.state = State::kMalformed};
  }
  const int family = words[1] == "4" ? AF_INET : AF_INET6;
  const bool is_right = IsHost(family, words[2]) && IsHost(family, words[3]) &&
                        std::stoi(words[4]) < 65536 && std::stoi(words[5]) < 65536;
  if (!is_right) return {.state = State::kMalformed};
  char raw[16];
  char text[INET6_ADDRSTRLEN];
  inet_pton(family, words[2].str().c_str(), raw);
  const std::string host = inet_ntop(family, raw, text, sizeof(text));
  return {.state = State::kComplete,
          .size = end + 2,
          .source = (family == AF_INET ? host : "[" + host + "]") + ":" +
                    std::to_string(std::stoi(words[4]))};
}

unsigned At(const std::string& bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }
size_t TwoAt(const std::string& bytes, size_t at) {
  return At(bytes, at) * 256 + At(bytes, at + 1);
}

uint32_t SlowCrc(const std::string& bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc % 2 == 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

// Returns false if the items from `at` on break a rule.
bool ReadItems(const std::string& whole, size_t at, Known& known, size_t mistake) {
  size_t checksums = 0;
  while (at < whole.size()) {
    if (at + 3 > whole.size() || at + 3 + TwoAt(whole, at + 1) > whole.size()) {
      return mistake == kLooseTlvs;
    }
    const unsigned type = At(whole, at);
    const std::string value = whole.substr(at + 3, TwoAt(whole, at + 1));
    if (type == 3) {
      if (value.size() != 4 || ++checksums > 1) return false;
      std::string cleared = whole;
      for (size_t i = 0; i < 4; ++i) cleared[at + 3 + i] = 0;
      const uint32_t is = SlowCrc(cleared);
      const uint32_t said = static_cast<uint32_t>(TwoAt(value, 0) * 65536 + TwoAt(value, 2));
      if (is != said && mistake != kNoChecksum) return false;
    } else if (type == 5) {
      if (value.size() > 128) return false;
      known.unique_id = value;
    } else if (type == 0x20) {
      size_t inner = 5;
      while (inner + 3 <= value.size()) inner += 3 + TwoAt(value, inner + 1);
      if (inner != value.size()) return false;
    } else if (type == 0xea || type == 0xee) {
      if (value.empty()) return false;
      if (type == 0xee && value[0] == 1 && value.size() != 5) return false;
    }
    at += 3 + value.size();
  }
  return true;
}

Known ReadBlock(const std::string& bytes, size_t mistake) {
  const Known malformed = {.state = State::kMalformed};
  if (bytes.size() > 12 && At(bytes, 12) != 0x20 && At(bytes, 12) != 0x21) return malformed;
  if (bytes.size() < 16) return {};
  Known known = {.state = State::kComplete, .size = 16 + TwoAt(bytes, 14)};
  if (known.size > proxy::kMaxProxyHeaderRead) return malformed;
  if (bytes.size() < known.size) return {};
  if (At(bytes, 12) == 0x20) return known;
  const std::string whole = bytes.substr(0, known.size);
  static const std::vector<std::pair<unsigned, size_t>> kinds = {
      {0, 0}, {0x11, 12}, {0x12, 12}, {0x21, 36}, {0x22, 36}, {0x31, 216}, {0x32, 216}};
  const unsigned kind = At(bytes, 13);
  const auto found = std::ranges::find(kinds, kind, &std::pair<unsigned, size_t>::first);
  if (found == kinds.end() || whole.size() < 16 + found->second) return malformed;
  if (kind == 0x31) {
    for (const size_t at : {size_t{16}, size_t{16 + 108}}) {
      if (whole[at] != 0 && whole.substr(at, 108).find('\0') == std::string::npos) return malformed;
    }
  }
  if (!ReadItems(whole, 16 + found->second, known, mistake)) return malformed;
  char text[INET6_ADDRSTRLEN];
  if (kind == 0x11) {
    inet_ntop(AF_INET, &whole[16], text, sizeof(text));
    known.source = std::string(text) + ":" + std::to_string(TwoAt(whole, 24));
  } else if (kind == 0x21) {
    inet_ntop(AF_INET6, &whole[16], text, sizeof(text));
    known.source = "[" + std::string(text) + "]:" + std::to_string(TwoAt(whole, 48));
  } else if (kind == 0x31) {
    std::string name = whole.substr(16, 108);
    if (name[0] != 0) {
      name = name.c_str();
    } else if (name.find_last_not_of('\0') == name.npos) {
      name = "";
    } else {
      name = "@" + name.substr(1, name.find_last_not_of('\0'));
    }
    known.source = "unix:" + name;
  }
  return known;
}

Known Reference(const std::string& bytes, size_t mistake) {
  const std::string line = "PROXY ";
  const std::string block(proxy::kProxySignature2);
  const auto begins = [&bytes](const std::string& signature) {
    return bytes.compare(0, std::min(bytes.size(), signature.size()), signature, 0,
                         std::min(bytes.size(), signature.size())) == 0;
  };
  if (!begins(line) && !begins(block)) return {.state = State::kNoHeader};
  if (bytes.size() >= line.size() && begins(line)) return ReadLine(bytes, mistake);
  if (bytes.size() >= block.size()) return ReadBlock(bytes, mistake);
  return {};
}

Known Product(std::string_view bytes, proxy::ReceivedProxyHeader& header) {
  const proxy::ProxyHeaderRead read = proxy::ReadProxyHeader(bytes, header);
  Known known = {.state = read.state, .size = read.size};
  if (read.state != State::kComplete) return known;
  known.source = SourceOf(header);
  known.unique_id = header.tlvs.unique_id;
  return known;
}

// What a header says is sent on, in both versions, and read again.
void CheckSentOn(const proxy::ReceivedProxyHeader& header) {
  if (header.says != ProxyHeaderSays::kAddresses) return;
  const proxy::ProxiedConnection connection = {header.source, header.destination};
  for (const conf::ProxyVersion version : {conf::ProxyVersion::kV1, conf::ProxyVersion::kV2}) {
    const std::string sent = proxy::MakeProxyHeader({.version = version, .tlvs = {}}, connection);
    proxy::ReceivedProxyHeader again;
    const proxy::ProxyHeaderRead read = proxy::ReadProxyHeader(sent, again);
    Expect(read.state == State::kComplete && read.size == sent.size(), "what is sent is read",
           sent);
    if (again.says != ProxyHeaderSays::kAddresses) continue;  // both families, or UNIX in a line
    // A mapped one stays as it is beside an address of IPv6.
    Expect(again.source.Unmapped() == header.source.Unmapped(), "the source is sent on",
           SourceOf(header));
  }
}

void Check(std::string_view text, size_t mistake) {
  const std::string bytes(text);
  proxy::ReceivedProxyHeader header;
  const Known whole = Product(text, header);
  Expect(whole == Reference(bytes, mistake), "the header", bytes);
  Expect(whole.size <= bytes.size(), "no more than there is", bytes);
  bool is_decided = false;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    proxy::ReceivedProxyHeader part;
    const Known known = Product(text.substr(0, size), part);
    is_decided |= known.state != State::kNeedMore;
    Expect(!is_decided || known.state == whole.state, "what is decided stays", bytes);
    if (known.state == State::kComplete) Expect(known == whole, "the same header", bytes);
    if (known.state == State::kComplete) Expect(size >= whole.size, "not before its end", bytes);
  }
  if (whole.state == State::kComplete) CheckSentOn(header);
}

std::string Block(const char (&fixed)[5], std::string rest) {
  return std::string(proxy::kProxySignature2) + std::string(fixed, 4) + std::move(rest);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "proxy_header",
      .run = Check,
      .mistakes = {"a port with a zero before it", "the checksum is not looked at",
                   "a TLV that is cut short", "a line of 108 bytes"},
      .words = {"PROXY ",
                "TCP4 ",
                "TCP6 ",
                "UNKNOWN",
                "UNKNOWN ",
                "192.0.2.7 ",
                "10.0.0.1 ",
                "::1 ",
                "2001:db8::7 ",
                "1 ",
                "01 ",
                "0 ",
                "65535 ",
                "65536 ",
                "443",
                "\r\n",
                "\r",
                "\n",
                " ",
                "0",
                "PROXY TCP4 192.0.2.7 10.0.0.1 ",
                "PROXY TCP4 192.0.2.7 10.0.0.1 1 02\r\n",
                "PROXY UNKNOWN " + std::string(91, 'f'),
                "PROXY UNKNOWN " + std::string(92, 'f') + "\r\n",
                std::string(proxy::kProxySignature2),
                std::string("\x21\x11\0\x0c", 4),
                std::string("\x21\x11\0\x13", 4),
                std::string("\x20\0\0\0", 4),
                std::string("\x21\x21\0\x24", 4),
                std::string("\x21\x31\0\xd8", 4),
                std::string(12, '\1'),
                std::string(36, '\2'),
                std::string(108, '\0'),
                "/run/x" + std::string(102, '\0'),
                std::string("\3\0\4abcd", 7),
                std::string("\5\0\2id", 5),
                std::string("\4\0\0", 3),
                std::string("\4\0\5", 3),
                std::string("\x20\0\5\1\0\0\0\0", 8),
                std::string("\xea\0\2\1v", 5),
                std::string("\xee\0\5\1abcd", 8),
                "GET / HTTP/1.1\r\n",
                Block("\x21\x11\0\x13", std::string(12, '\1') + std::string("\3\0\4abcd", 7)),
                Block("\x21\x11\0\x0e", std::string(12, '\1') + std::string("\4\0", 2)),
                Block("\x21\x11\0\x0f", std::string(12, '\1') + std::string("\4\0\0", 3))},
      .random_inputs = 6000,
      .max_size = 260};
  return target;
}

}  // namespace sluice::fuzz
