// How many descriptors the proxy needs, and whether it may open so many.
//
//   to listen   one for each address, and one more for each address and worker, which accepts there
//   to run      two for each worker (its ring or epoll instance, what wakes it), those of the log
//               and of the admin endpoint, one for each check of an endpoint that may be under way,
//               and what asks where endpoints are
//   to serve    two for each proxied connection, and what may be accepted and not judged yet at
//               each address and worker
#ifndef SLUICE_PROXY_APP_DESCRIPTORS_H_
#define SLUICE_PROXY_APP_DESCRIPTORS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "conf/config.h"

namespace sluice::proxy {

struct DescriptorNeeds {
  uint64_t addresses = 0;  // of all listeners
  uint64_t workers = 0;
  uint64_t logs = 0;
  uint64_t admin = 0;    // its connections, addresses, and what it waits with
  uint64_t checks = 0;   // at a time
  uint64_t sources = 0;  // of endpoints: files that are watched, and sockets to name servers

  uint64_t to_listen() const { return addresses * (1 + workers); }
  uint64_t to_run() const { return to_listen() + 2 * workers + logs + admin + checks + sources; }
  uint64_t unjudged() const;  // accepted and not judged yet, at most
};

DescriptorNeeds NeedsOf(const conf::Config& config, uint32_t workers);

// Raises the soft limit as far as it may go, at most to what the backends can number. Returns the
// limit.
uint64_t RaiseDescriptorLimit();

// Descriptors that are open now.
uint64_t OpenDescriptors();

// What `limits.max_connections: auto` stands for: half of what `limit` leaves after what is open,
// what is needed to run, and some to spare; at least 1, at most kMostByDefault. Where little is
// left, half of it is to spare.
inline constexpr uint32_t kMostByDefault = 10'000;
uint32_t DefaultConnections(const DescriptorNeeds& needs, uint64_t limit, uint64_t open);

// RESOURCE_EXHAUSTED, with what is lacking: not even one connection could be served. Else a warning
// when limits.max_connections cannot be reached, or "".
absl::StatusOr<std::string> CheckDescriptors(const DescriptorNeeds& needs, uint64_t max_connections,
                                             uint64_t limit, uint64_t open);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_DESCRIPTORS_H_
