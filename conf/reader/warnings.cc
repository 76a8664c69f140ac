#include "conf/reader/warnings.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "conf/reader/loops.h"
#include "conf/reader/routes.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

void WarnOfLoops(const Config& config, const Positions& positions, Errors& warnings) {
  for (const Loop& loop : FindLoops(config)) {
    const std::string path = Cat("upstreams[", loop.upstream, "].endpoints[", loop.endpoint, "]");
    const Endpoint& endpoint = config.upstreams[loop.upstream].endpoints[loop.endpoint];
    warnings.Add(
        positions.At(path + ".address"),
        Cat(path, ": ", Quoted(endpoint.address.ToString()), " is the listener ",
            Quoted(config.listeners[loop.listener].name),
            " of this proxy and leads back to this upstream: no connections to it will be made"));
  }
}

// Weight 0 drains an endpoint; an upstream without any other endpoint serves no connection.
void WarnOfDrained(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    if (upstream.endpoints.empty() || !upstream.discover.is_off()) continue;
    const bool are_drained = std::ranges::all_of(
        upstream.endpoints, [](const Endpoint& endpoint) { return endpoint.weight == 0; });
    if (!are_drained) continue;
    const std::string path = Cat("upstreams[", i, "]");
    warnings.Add(positions.At(path + ".endpoints"),
                 Cat(path, ": every endpoint of ", Quoted(upstream.name),
                     " has weight 0: its clients wait for queue_timeout and are reset "
                     "(reason queue_timeout)"));
  }
}

// It may come later, and its directory, too.
void WarnOfMissingLists(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const std::string& file = config.upstreams[i].discover.file;
    if (file.empty() || access(file.c_str(), F_OK) == 0) continue;
    const std::string path = Cat("upstreams[", i, "].discover.file");
    warnings.Add(positions.At(path),
                 Cat(path, ": ", Quoted(file),
                     " is not there: the upstream has no endpoints of it until it is"));
  }
}

}  // namespace

void Warn(const Config& config, const Positions& positions, Errors& warnings) {
  WarnOfLoops(config, positions, warnings);
  WarnOfDrained(config, positions, warnings);
  WarnOfMissingLists(config, positions, warnings);
  WarnOfRoutes(config, positions, warnings);
}

}  // namespace sluice::conf
