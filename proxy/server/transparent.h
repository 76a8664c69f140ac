// CheckTransparentSources: whether this host lets `source_address: client` work, and if not, by
// which commands it would.
//
//   a client's address as our own ──► CAP_NET_RAW or CAP_NET_ADMIN
//   the server's answers to it ─────► a rule of routing ──► a table that delivers everything here
//
// What firewalls do, and whether servers send their answers this way, cannot be seen from here.
#ifndef SLUICE_PROXY_SERVER_TRANSPARENT_H_
#define SLUICE_PROXY_SERVER_TRANSPARENT_H_

#include "absl/status/status.h"
#include "conf/config.h"

namespace sluice::proxy {

// A line for each thing that an upstream lacks.
absl::Status CheckTransparentSources(const conf::Config& config);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_TRANSPARENT_H_
