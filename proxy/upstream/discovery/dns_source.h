// DnsSource: endpoints from name servers.
//
//   ASKING ── an answer ──► told ──► WAITING for its TTL, within dns.min_ttl and dns.max_ttl
//     ▲  │ no such name, SERVFAIL, silence ──► an error: what was told last stays
//     │  ▼
//   WAITING: 1 s, doubled with each error in a row up to 30 s, within the same bounds
//
// If one of the two questions for addresses (A and AAAA) is not answered, what was known of that
// family stays and the other family is told; so it is with each server of a service. Waits are up
// to a tenth shorter by chance, so that not all sources ask at the same moment.
// Threads: inside a task. Checked by: tests/e2e/test_discover_dns.py.
#ifndef SLUICE_PROXY_UPSTREAM_DISCOVERY_DNS_SOURCE_H_
#define SLUICE_PROXY_UPSTREAM_DISCOVERY_DNS_SOURCE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/io/resolve/options.h"
#include "core/io/resolve/resolve.h"
#include "core/net/address.h"
#include "proxy/upstream/discovery/source.h"

namespace sluice::proxy {

class DnsSource final : public EndpointSource {
 public:
  DnsSource(SourceSpec spec, SourceSettings settings);

  core::Task<absl::StatusOr<Snapshot>> Next() override;

 private:
  struct Answer {
    absl::StatusOr<Snapshot> endpoints;
    core::Duration ttl{0};
  };
  core::Task<Answer> Ask();
  core::Task<Answer> AskForHost();
  core::Task<Answer> AskForService();
  core::Duration PauseAfter(const Answer& answer);

  const SourceSpec spec_;
  const SourceSettings settings_;
  const core::ResolveOptions options_;
  std::vector<core::Address> addresses_;      // the last ones, of a host
  std::vector<core::ServiceTarget> targets_;  // the last ones, of a service
  core::Duration pause_{0};                   // before the next question
  uint32_t errors_ = 0;                       // in a row
  uint64_t draws_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_DISCOVERY_DNS_SOURCE_H_
