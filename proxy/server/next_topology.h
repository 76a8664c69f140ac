// NextTopology: what a reload is about to put in force, made ready without touching what serves.
//
//   conf::Config ── settings that stay ──► compared with the one in force ──► Topology, Addresses
#ifndef SLUICE_PROXY_SERVER_NEXT_TOPOLOGY_H_
#define SLUICE_PROXY_SERVER_NEXT_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/diff.h"
#include "core/base/intrusive_ptr.h"
#include "core/runtime/handle.h"
#include "proxy/listener/accept_loop.h"
#include "proxy/observe/events.h"
#include "proxy/server/addresses.h"
#include "proxy/server/topology.h"

namespace sluice::proxy {

struct NextTopology {
  std::vector<std::string> diff;       // in sentences
  std::vector<std::string> kept;       // keys that the file changes and that keep their value
  std::vector<std::string> recounted;  // listeners whose open connections count for no source
  core::IntrusivePtr<const Topology> topology;
  Addresses addresses;
};

// What it is made of besides the configuration; all of it outlives the result.
struct NextTopologySources {
  const conf::Config& at_start;  // the configuration that the process was started with
  const SessionServices& services;
  const AcceptContext& accept_context;
  core::RuntimeHandle runtime;
  const Topology& before;
  const Addresses& addresses;
};

// `config` has been validated; `options` are those of its listeners. Any thread; nothing may change
// what it is made of meanwhile.
NextTopology MakeNextTopology(conf::Config config, ListenersOptions options,
                              const NextTopologySources& sources);

// Tells what is different, one line for each thing, which settings stay as they are, and where the
// sources of open connections are not known any more.
void LogDiff(const NextTopology& next, Events& events);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_NEXT_TOPOLOGY_H_
