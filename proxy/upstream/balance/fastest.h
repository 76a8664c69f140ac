// Fastest: the endpoint with the least expected wait, latency * (active + 1) / weight.
//
//   latency     of a connect, and from the first byte of the client to the first answer (where the
//               upstream speaks first: from the connect); a connect that fails counts as one of at
//               least a second
//   peak EWMA   a longer one counts at once and whole; a shorter one by as much as has passed of
//               10 s since the last. Without any it fades likewise, so that a slow endpoint is
//               tried again after a while
//
//        latency  ─  │\                      one slow answer, then quick ones
//                    │ \__
//                 ___│    \______
//
// One of which nothing is known is given one session, and further ones when it has answered. Up to
// 32 endpoints are all looked at, of more two are drawn (weighted_draw.h).
//
// Peak EWMA is Finagle's (Oliver Gould, "Beyond Round Robin", 2016).
// Threads: one at a time (the queue's lock).
// Checked by: tests/proxy/upstream/balance/fastest_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_FASTEST_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_FASTEST_H_

#include <cstddef>
#include <memory>
#include <span>

#include "core/base/time.h"
#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class Fastest final : public Balancer {
 public:
  static constexpr size_t kMostForFullScan = 32;

  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;
  bool counts_sessions() const override { return true; }
  bool weighs_ramps() const override { return true; }
  bool measures_latency() const override { return true; }
  void OnLatency(Endpoint& endpoint, core::Duration latency, core::Instant now) override;

 private:
  size_t begin_ = 0;  // where the next scan begins: behind the one that was picked last
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_FASTEST_H_
