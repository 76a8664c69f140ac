// SlowStart: the ramps of the endpoints that have begun to take sessions while the process ran:
// those that have joined, and those that are back.
//
//          whole ─                 ____________        of weight and max_connections
//                              __/
//          10 %  ─  __________/
//                   │ begins                 │ ends    `length` later
//
//   share = max(10 %, time since it began / length)
//
// A ramp begins with the first session after its endpoint has been published, for which the time is
// known; until then its share is the smallest. Shares change at most a hundred times in each
// ramp. (Envoy's formula, with an aggression of 1.)
// Threads: one at a time: EndpointQueue's lock.
// Checked by: tests/proxy/upstream/balance/slow_start_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_SLOW_START_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_SLOW_START_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace sluice::proxy {

class SlowStart {
 public:
  // 0: there are no ramps. Those that have begun go on, with this length.
  void SetLength(core::Duration length) {
    if (length_ == length) return;
    length_ = length;
    next_at_ = {};
    if (exists()) return;
    for (const Ramp& ramp : ramps_) ramp.endpoint->SetRamp(Endpoint::kWhole);
    ramps_.clear();
  }
  bool exists() const { return length_ > core::Duration(0); }

  void Begin(Endpoint& endpoint) {
    if (!exists()) return;
    Forget(endpoint);
    endpoint.SetRamp(kSmallest);
    ramps_.push_back({.endpoint = &endpoint, .began_at = {}});
    next_at_ = {};
  }
  void Forget(Endpoint& endpoint) {
    if (std::erase_if(ramps_, [&](const Ramp& ramp) { return ramp.endpoint == &endpoint; }) > 0) {
      endpoint.SetRamp(Endpoint::kWhole);
    }
  }

  // Returns true if an endpoint may take more than before.
  bool Advance(core::Instant now) {
    if (ramps_.empty() || (next_at_ && now < *next_at_)) return false;
    next_at_ = now + length_ / kSteps;
    bool more = false;
    for (Ramp& ramp : ramps_) {
      if (!ramp.began_at) ramp.began_at = now;
      // Bounded before the product, which months without a session would overflow.
      const core::Duration passed = std::min(now - *ramp.began_at, length_);
      const int64_t share = Endpoint::kWhole * passed / length_;
      const auto bounded =
          static_cast<uint32_t>(std::clamp<int64_t>(share, kSmallest, int64_t{Endpoint::kWhole}));
      more = more || bounded > ramp.endpoint->ramp();
      ramp.endpoint->SetRamp(bounded);
    }
    std::erase_if(ramps_, [](const Ramp& ramp) { return !ramp.endpoint->is_ramping(); });
    return more;
  }

 private:
  static constexpr uint32_t kSmallest = Endpoint::kWhole / 10;
  static constexpr int kSteps = 100;

  struct Ramp {
    Endpoint* endpoint;
    core::OptionalInstant began_at;
  };

  core::Duration length_{0};
  std::vector<Ramp> ramps_;
  core::OptionalInstant next_at_;  // of the next shares
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_SLOW_START_H_
