// UpstreamFigures: what each upstream has done, as further members of the stats line's JSON.
#ifndef SLUICE_PROXY_OBSERVE_UPSTREAM_FIGURES_H_
#define SLUICE_PROXY_OBSERVE_UPSTREAM_FIGURES_H_

#include <cstddef>
#include <span>
#include <string>

#include "proxy/observe/stats_registry.h"

namespace sluice::proxy {

// A line has a bound: of more than so many upstreams those with the most sessions are in it.
inline constexpr size_t kMostUpstreamFigures = 100;

// "upstreams":{"app":{"active":1,…},…},"upstreams_left_out":0
std::string UpstreamFigures(std::span<const SessionCounts> counts);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_UPSTREAM_FIGURES_H_
