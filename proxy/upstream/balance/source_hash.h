// SourceHash: weighted rendezvous hashing. Every pair of a key and an endpoint has a score, and the
// endpoint with the highest one takes the key.
//
//   score = -weight / ln(u),  u = Mix(key ^ hash of the endpoint's name), between 0 and 1
//
// So the share of an endpoint is that of its weight; one that leaves gives its own keys to the
// others and moves no other key, and one that joins takes its share and moves no other key. A key
// whose endpoint is not usable goes to the one with the next score. A pick computes one score for
// each endpoint: maglev is for many endpoints.
//
// From Thaler, Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996); the weights from
// Schindelhauer, Schomaker, "Weighted Distributed Hash Tables" (2005).
// Threads: any; with a load bound one at a time (the queue's lock).
// Checked by: tests/proxy/upstream/balance/hashed_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_SOURCE_HASH_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_SOURCE_HASH_H_

#include <cstdint>
#include <memory>
#include <span>

#include "proxy/upstream/balance/hashed_balancer.h"

namespace sluice::proxy {

class SourceHash final : public HashedBalancer {
 public:
  SourceHash(uint64_t seed, uint32_t max_load) : HashedBalancer(seed, max_load) {}

  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;

 private:
  class Table;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_SOURCE_HASH_H_
