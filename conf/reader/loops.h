// Which endpoints are listeners of the same process whose connections come back to them.
//
//      listener a ──► upstream A ──► listener b ──► upstream B ──► listener a      both are loops
//      listener a ──► upstream A ──► listener b ──► upstream B ──► a server        neither is
//
// A connection through a loop would take free slots until there are none left. Every endpoint on
// the way round is reported: a client of either listener is told at once, by the listener it came
// to.

#ifndef SLUICE_CONF_READER_LOOPS_H_
#define SLUICE_CONF_READER_LOOPS_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "conf/config.h"

namespace sluice::conf {

// Indices into the Config, and into the upstream's endpoints.
struct Loop {
  size_t upstream;
  size_t endpoint;
  size_t listener;  // which the endpoint is

  bool operator==(const Loop&) const = default;
};

// Whether connections to this IP address stay on this host; never asked about a loopback address.
using IsLocal = std::function<bool(const core::Address& address)>;

// `bound[i]` is where listener i listens: its `bind`, or what the kernel made of it. In order of
// the configuration; linear in its size.
std::vector<Loop> FindLoops(const Config& config,
                            const std::vector<std::vector<core::Address>>& bound,
                            const IsLocal& is_local);

// What the file says; an address of this host counts as another host's unless it is a loopback
// address or one that a listener names.
std::vector<Loop> FindLoops(const Config& config);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_LOOPS_H_
