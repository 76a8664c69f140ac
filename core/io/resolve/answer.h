// ParseAnswer: what a name server's answer says, with how long it may be believed.
//
// It reads the message itself: SRV records need the time that they may be kept for, which c-ares
// does not tell. An alias (CNAME) is followed within the answer; the time is the shortest of all
// records that led there.
//
//   header │ question ── aliases ──► records of the type that was asked for      what else is there
//                                    (in the answer section, of class IN)        is not looked at
//
// Checked by: tests/core/io/resolve/answer_test.cc, tests/fuzz/dns_answer_fuzz.cc.
#ifndef SLUICE_CORE_IO_RESOLVE_ANSWER_H_
#define SLUICE_CORE_IO_RESOLVE_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/net/address.h"

namespace sluice::core {

enum class DnsType : uint16_t { kA = 1, kCname = 5, kAaaa = 28, kSrv = 33 };

// As the record has it: a smaller priority is better, a larger weight more.
struct DnsService {
  std::string host;  // in lower case, without a dot at its end
  uint16_t port = 0;
  uint16_t priority = 0;
  uint16_t weight = 0;

  friend bool operator==(const DnsService&, const DnsService&) = default;
};

struct DnsAnswer {
  std::vector<Address> addresses;    // of kA and kAaaa; with port 0, in the order of the answer
  std::vector<DnsService> services;  // of kSrv
  uint32_t ttl_seconds = 0;          // 0 if there is nothing

  bool is_empty() const { return addresses.empty() && services.empty(); }
  friend bool operator==(const DnsAnswer&, const DnsAnswer&) = default;
};

// More records are not looked at: the answer counts as broken.
inline constexpr size_t kMostDnsRecords = 4096;

// None: it is broken.
std::optional<DnsAnswer> ParseAnswer(std::span<const uint8_t> message, DnsType type);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_ANSWER_H_
