// Answers of name servers: read as a second reading of the rules says, which copies every name out
// of the message before it looks at anything.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/io/resolve/answer.h"
#include "core/net/host_name.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using core::DnsAnswer;
using core::DnsType;

enum Mistake : size_t { kNone, kLongestTime, kLosesOne, kTakesQuestions };

struct Broken {};

// Everything that reads beyond the end throws.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  size_t at = 0;

  uint32_t Take(int count) {
    uint32_t number = 0;
    for (; count > 0; --count) number = number << 8 | Byte(at++);
    return number;
  }
  std::vector<std::string> Labels() {
    std::vector<std::string> labels;
    size_t end = Copy(at, 0, 0, labels);
    at = end;
    return labels;
  }

 private:
  uint8_t Byte(size_t place) const {
    if (place >= bytes_.size()) throw Broken();
    return static_cast<uint8_t>(bytes_[place]);
  }
  // Returns the place behind the name at `place`.
  size_t Copy(size_t place, size_t taken, int jumps, std::vector<std::string>& labels) {
    const uint8_t length = Byte(place);
    if (length >= 0xC0) {
      const size_t to = size_t{length & 0x3Fu} * 256 + Byte(place + 1);
      if (to >= place || jumps == 64) throw Broken();
      Copy(to, taken, jumps + 1, labels);
      return place + 2;
    }
    if (length > 63 || taken + length + 1 > 255) throw Broken();
    if (length == 0) return place + 1;
    std::string label;
    for (size_t i = 0; i < length; ++i) {
      const uint8_t byte = Byte(place + 1 + i);
      label += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : static_cast<char>(byte);
    }
    labels.push_back(label);
    return Copy(place + 1 + length, taken + length + 1, jumps, labels);
  }

  std::string_view bytes_;
};

struct Record {
  std::vector<std::string> owner;
  uint32_t type, ttl;
  std::vector<std::string> target;  // of an alias or a service
  std::string address;
  uint32_t priority, weight, port;
};

std::vector<Record> ReadRecords(std::string_view bytes, DnsType wanted,
                                std::vector<std::string>& name) {
  Reader reader(bytes);
  reader.Take(2);
  if (reader.Take(2) < 0x8000) throw Broken();
  if (reader.Take(2) != 1) throw Broken();
  const uint32_t count = reader.Take(2);
  reader.Take(4);
  if (count > core::kMostDnsRecords) throw Broken();
  name = reader.Labels();
  reader.Take(4);
  std::vector<Record> records;
  for (uint32_t i = 0; i < count; ++i) {
    Record record{};
    record.owner = reader.Labels();
    record.type = reader.Take(2);
    const bool is_in = reader.Take(2) == 1;
    record.ttl = reader.Take(4);
    if (record.ttl >= 0x80000000) record.ttl = 0;
    const uint32_t size = reader.Take(2);
    const size_t begin = reader.at;
    for (uint32_t k = 0; k < size; ++k) record.address += static_cast<char>(reader.Take(1));
    const size_t end = reader.at;
    if (!is_in || (record.type != 5 && record.type != static_cast<uint32_t>(wanted))) continue;
    reader.at = begin;
    if (record.type == 5) {
      record.target = reader.Labels();
    } else if (record.type == 33) {
      record.priority = reader.Take(2);
      record.weight = reader.Take(2);
      record.port = reader.Take(2);
      record.target = reader.Labels();
    } else {
      if (size != (record.type == 1 ? 4 : 16)) throw Broken();
      reader.at = end;
    }
    if (reader.at != end) throw Broken();
    records.push_back(record);
  }
  return records;
}

// As one text, in the order of the answer, or nothing: it is broken.
std::optional<std::string> Reference(std::string_view bytes, DnsType wanted) try {
  std::vector<std::string> name;
  const std::vector<Record> records = ReadRecords(bytes, wanted, name);
  uint32_t ttl = 0x7fffffff;
  for (int steps = 0; steps < 16; ++steps) {
    const auto alias = std::ranges::find_if(
        records, [&](const Record& each) { return each.type == 5 && each.owner == name; });
    if (alias == records.end()) break;
    ttl = std::min(ttl, alias->ttl);
    name = alias->target;
  }
  std::string text;
  for (const Record& each : records) {
    if (each.type == 5 || each.owner != name) continue;
    ttl = std::min(ttl, each.ttl);
    if (wanted != DnsType::kSrv) {
      text += each.address + ";";
      continue;
    }
    std::string host;
    bool is_plain = true;
    for (const std::string& label : each.target) {
      is_plain = is_plain && label.find('.') == label.npos;
      host += (host.empty() ? "" : ".") + label;
    }
    if (!is_plain || host.ends_with('.') || !core::IsHostName(host)) continue;
    text += host + " " + std::to_string(each.priority) + " " + std::to_string(each.weight) + " " +
            std::to_string(each.port) + ";";
  }
  return text.empty() ? text : text + std::to_string(ttl);
} catch (const Broken&) {
  return std::nullopt;
}

std::string TextOf(const DnsAnswer& answer) {
  std::string text;
  for (const core::Address& address : answer.addresses) {
    if (address.family() == AF_INET) {
      const in_addr host = address.ipv4();
      text.append(reinterpret_cast<const char*>(&host), sizeof(host));
    } else {
      text.append(reinterpret_cast<const char*>(&address.ipv6()), sizeof(in6_addr));
    }
    text += ";";
  }
  for (const core::DnsService& each : answer.services) {
    text += each.host + " " + std::to_string(each.priority) + " " + std::to_string(each.weight) +
            " " + std::to_string(each.port) + ";";
  }
  return text.empty() ? text : text + std::to_string(answer.ttl_seconds);
}

void Check(std::string_view text, size_t mistake) {
  for (const DnsType type : {DnsType::kA, DnsType::kAaaa, DnsType::kSrv}) {
    std::string bytes(text);
    if (mistake == kTakesQuestions && bytes.size() > 2)
      bytes[2] = static_cast<char>(bytes[2] | 0x80);
    std::optional<DnsAnswer> answer = core::ParseAnswer(
        std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), type);
    if (mistake == kLongestTime && answer && answer->ttl_seconds > 0) ++answer->ttl_seconds;
    if (mistake == kLosesOne && answer && answer->addresses.size() > 1)
      answer->addresses.pop_back();
    const std::optional<std::string> expected = Reference(text, type);
    Expect(answer.has_value() == expected.has_value(), "broken or not", std::string(text));
    if (answer) Expect(TextOf(*answer) == *expected, "the answer", std::string(text));
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "dns_answer",
      .run = Check,
      .mistakes = {"a time that is too long", "an address is lost", "a question is an answer"},
      .words = {Bytes({0xC0, 12}), Bytes({0xC0, 0}), Bytes({0, 1}), Bytes({0, 5}), Bytes({0, 28}),
                Bytes({0, 33}), Bytes({0, 0}), Bytes({0x80}), Bytes({0xFF}),
                Bytes({3, 'a', 'p', 'p'}), Bytes({0, 4, 10, 0, 0, 1}),
                Bytes({0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 2}),
                Bytes({0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 10, 0, 0, 3}),
                Bytes({0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 7, 0, 2, 0xC0, 12}),
                Bytes({0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 7, 0, 9, 0, 1, 0, 2, 0, 3, 1, 'x', 0})},
      .random_inputs = 20000,
      .max_size = 600};
  return target;
}

}  // namespace sluice::fuzz
