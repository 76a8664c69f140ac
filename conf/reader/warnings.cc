#include "conf/reader/warnings.h"

#include <string>

#include "conf/reader/loops.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

void WarnOfLoops(const Config& config, const Positions& positions, Errors& warnings) {
  for (const Loop& loop : FindLoops(config)) {
    const std::string path = Cat("upstreams[", loop.upstream, "].endpoints[", loop.endpoint, "]");
    const Endpoint& endpoint = config.upstreams[loop.upstream].endpoints[loop.endpoint];
    warnings.Add(
        positions.At(path + ".address"),
        Cat(path, ": found ", Quoted(endpoint.address.ToString()), ", which is the listener ",
            Quoted(config.listeners[loop.listener].name),
            " of this proxy and leads back to this upstream: it will not be connected to"));
  }
}

}  // namespace

void Warn(const Config& config, const Positions& positions, Errors& warnings) {
  WarnOfLoops(config, positions, warnings);
}

}  // namespace sluice::conf
