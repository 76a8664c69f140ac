#include "core/io/resolve/answer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/net/host_name.h"

namespace sluice::core {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr uint16_t kClassIn = 1;
constexpr size_t kMostNameBytes = 255;  // as they are sent
constexpr uint8_t kPointer = 0xC0;
constexpr size_t kMostJumps = 64;           // in one name
constexpr size_t kMostAliases = 16;         // one after the other
constexpr uint32_t kMostTtl = 0x7fff'ffff;  // what is above counts as 0 (RFC 2181)

bool IsNameByte(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

uint8_t Lower(uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte - 'A' + 'a') : byte;
}

// Reads a message from front to back. After an end that came too early everything fails.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> message) : message_(message) {}

  bool Number(uint16_t& number) {
    if (message_.size() - at_ < 2) return false;
    number = static_cast<uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool Number(uint32_t& number) {
    uint16_t high = 0;
    uint16_t low = 0;
    if (!Number(high) || !Number(low)) return false;
    number = uint32_t{high} << 16 | low;
    return true;
  }
  bool Skip(size_t bytes) {
    if (message_.size() - at_ < bytes) return false;
    at_ += bytes;
    return true;
  }
  size_t at() const { return at_; }
  void set_at(size_t at) { at_ = at; }

  // A pointer leads to what stands before the place that it is read at, so that there is an end.
  // Bytes that no host name has are written as \DDD, so that no two names have one text.
  bool Name(std::string& name) {
    name.clear();
    size_t at = at_;
    size_t bytes = 1;
    size_t jumps = 0;
    for (;;) {
      if (at >= message_.size()) return false;
      const uint8_t length = message_[at];
      if ((length & kPointer) == kPointer) {
        if (at + 1 >= message_.size()) return false;
        const size_t to = size_t{length & 0x3Fu} << 8 | message_[at + 1];
        if (to >= at || jumps == kMostJumps) return false;
        if (jumps++ == 0) at_ = at + 2;
        at = to;
        continue;
      }
      if (length >= 64) return false;
      if (message_.size() - at - 1 < length) return false;
      bytes += length + size_t{1};
      if (bytes > kMostNameBytes + 1) return false;
      if (length == 0) break;
      if (!name.empty()) name += '.';
      for (size_t i = 0; i < length; ++i) Append(Lower(message_[at + 1 + i]), name);
      at += length + size_t{1};
    }
    if (jumps == 0) at_ = at + 1;
    return true;
  }

 private:
  static void Append(uint8_t byte, std::string& name) {
    if (IsNameByte(byte)) {
      name += static_cast<char>(byte);
      return;
    }
    name += '\\';
    name += static_cast<char>('0' + byte / 100);
    name += static_cast<char>('0' + byte / 10 % 10);
    name += static_cast<char>('0' + byte % 10);
  }

  const std::span<const uint8_t> message_;
  size_t at_ = 0;
};

struct Record {
  std::string owner;
  uint32_t ttl = 0;
  bool is_alias = false;
  std::string target;  // of an alias or a service
  Address address;
  DnsService service;
};

// `left_out`: it is of another kind than those that are asked for.
bool ReadRecord(std::span<const uint8_t> message, DnsType wanted, MessageReader& reader,
                Record& record, bool& left_out) {
  uint16_t type = 0;
  uint16_t its_class = 0;
  uint16_t size = 0;
  if (!reader.Name(record.owner) || !reader.Number(type) || !reader.Number(its_class) ||
      !reader.Number(record.ttl) || !reader.Number(size)) {
    return false;
  }
  const size_t begin = reader.at();
  if (!reader.Skip(size)) return false;
  const size_t end = reader.at();
  if (record.ttl > kMostTtl) record.ttl = 0;
  record.is_alias = type == static_cast<uint16_t>(DnsType::kCname);
  left_out = its_class != kClassIn || (!record.is_alias && type != static_cast<uint16_t>(wanted));
  if (left_out) return true;
  reader.set_at(begin);
  const uint8_t* const data = message.data() + begin;
  if (record.is_alias) {
    if (!reader.Name(record.target)) return false;
  } else if (wanted == DnsType::kA) {
    in_addr host;
    if (size != sizeof(host)) return false;
    std::memcpy(&host, data, sizeof(host));
    record.address = Address::Ipv4(host, 0);
    reader.set_at(end);
  } else if (wanted == DnsType::kAaaa) {
    in6_addr host;
    if (size != sizeof(host)) return false;
    std::memcpy(&host, data, sizeof(host));
    record.address = Address::Ipv6(host, 0);
    reader.set_at(end);
  } else if (!reader.Number(record.service.priority) || !reader.Number(record.service.weight) ||
             !reader.Number(record.service.port) || !reader.Name(record.service.host)) {
    return false;
  }
  return reader.at() == end;
}

// The name that the aliases lead to from `name`. One that leads in a circle leads nowhere.
std::string FollowAliases(const std::vector<Record>& records, std::string name, uint32_t& ttl) {
  for (size_t steps = 0; steps < kMostAliases; ++steps) {
    const auto alias = std::ranges::find_if(
        records, [&name](const Record& record) { return record.is_alias && record.owner == name; });
    if (alias == records.end()) return name;
    ttl = std::min(ttl, alias->ttl);
    name = alias->target;
  }
  return name;
}

}  // namespace

std::optional<DnsAnswer> ParseAnswer(std::span<const uint8_t> message, DnsType type) {
  MessageReader reader(message);
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t questions = 0;
  uint16_t answers = 0;
  if (message.size() < kHeaderBytes || !reader.Number(id) || !reader.Number(flags) ||
      !reader.Number(questions) || !reader.Number(answers) || !reader.Skip(4)) {
    return std::nullopt;
  }
  constexpr uint16_t kIsAnswer = 0x8000;
  std::string name;
  if ((flags & kIsAnswer) == 0 || questions != 1 || answers > kMostDnsRecords ||
      !reader.Name(name) || !reader.Skip(4)) {
    return std::nullopt;
  }
  std::vector<Record> records;
  for (size_t i = 0; i < answers; ++i) {
    Record record;
    bool left_out = false;
    if (!ReadRecord(message, type, reader, record, left_out)) return std::nullopt;
    if (!left_out) records.push_back(std::move(record));
  }
  uint32_t ttl = kMostTtl;
  name = FollowAliases(records, std::move(name), ttl);
  DnsAnswer answer;
  for (Record& record : records) {
    if (record.is_alias || record.owner != name) continue;
    ttl = std::min(ttl, record.ttl);
    if (type != DnsType::kSrv) {
      answer.addresses.push_back(record.address);
    } else if (IsHostName(record.service.host)) {  // not ".", which says that there is none
      answer.services.push_back(std::move(record.service));
    }
  }
  if (!answer.is_empty()) answer.ttl_seconds = ttl;
  return answer;
}

}  // namespace sluice::core
