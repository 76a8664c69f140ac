// Messages of name servers, written for tests.
#ifndef SLUICE_TESTS_CORE_IO_RESOLVE_MESSAGES_H_
#define SLUICE_TESTS_CORE_IO_RESOLVE_MESSAGES_H_

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/resolve/answer.h"

namespace sluice::core::testing {

inline std::string Number16(uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}
inline std::string Number32(uint32_t number) {
  return Number16(static_cast<uint16_t>(number >> 16)) +
         Number16(static_cast<uint16_t>(number & 0xffff));
}

// "a.b" as it is sent. "" is the root.
inline std::string NameOnWire(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  wire += '\0';
  return wire;
}

// Of a question without pointers.
inline std::string NameIn(const std::string& message) {
  std::string name;
  for (size_t at = 12; at < message.size() && message[at] != 0;) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (!name.empty()) name += '.';
    name += message.substr(at + 1, length);
    at += length + size_t{1};
  }
  return name;
}
inline DnsType TypeIn(const std::string& message) {
  const size_t at = 12 + NameIn(message).size() + 2;
  if (at + 1 >= message.size()) return DnsType::kA;
  return static_cast<DnsType>(static_cast<unsigned char>(message[at]) << 8 |
                              static_cast<unsigned char>(message[at + 1]));
}

struct RecordOnWire {
  std::string owner;  // as it is sent
  DnsType type;
  uint32_t ttl;
  std::string data;
};

inline const std::string kOwnerOfQuestion = {'\xC0', '\x0C'};

inline std::string HostData(const char* address) {
  const bool is_ipv6 = std::string_view(address).find(':') != std::string_view::npos;
  std::string data(is_ipv6 ? 16 : 4, '\0');
  inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address, data.data());
  return data;
}
inline std::string ServiceData(uint16_t priority, uint16_t weight, uint16_t port,
                               std::string_view host) {
  return Number16(priority) + Number16(weight) + Number16(port) + NameOnWire(host);
}

constexpr uint16_t kPlain = 0x8180;  // an answer, recursion desired and available
constexpr uint16_t kTruncated = 0x8380;
constexpr uint16_t kServFail = 0x8182;
constexpr uint16_t kNxDomain = 0x8183;
constexpr uint16_t kRefused = 0x8185;

// `question`: the message that is answered.
inline std::string AnswerOnWire(const std::string& question, uint16_t flags,
                                const std::vector<RecordOnWire>& records) {
  std::string message = question.substr(0, 2) + Number16(flags) + Number16(1) +
                        Number16(static_cast<uint16_t>(records.size())) + Number16(0) + Number16(0);
  message += question.substr(12, NameIn(question).size() + 2 + 4);
  for (const RecordOnWire& record : records) {
    message += record.owner + Number16(static_cast<uint16_t>(record.type)) + Number16(1) +
               Number32(record.ttl) + Number16(static_cast<uint16_t>(record.data.size())) +
               record.data;
  }
  return message;
}

inline std::string QuestionOnWire(std::string_view name, DnsType type) {
  return Number16(7) + Number16(0x0100) + Number16(1) + Number16(0) + Number16(0) + Number16(0) +
         NameOnWire(name) + Number16(static_cast<uint16_t>(type)) + Number16(1);
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_IO_RESOLVE_MESSAGES_H_
