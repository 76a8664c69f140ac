// StableHash, SourceKey: hashes that are the same in every process, on every machine and in every
// version, so that proxies with one configuration agree on where a client goes.
//
//   SourceKey(10.1.2.3:4711, /24)  ── 10.1.2.0 ── xxHash with the seed ──► PickRequest::key
//
// The port of a client never counts. Clients of a UNIX socket that have no name are one source.
// Checked by: tests/proxy/upstream/balance/hash_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_HASH_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_HASH_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "proxy/upstream/endpoint/endpoint_set.h"

namespace sluice::proxy {

// XXH64 of Yann Collet's xxHash, which does not change.
uint64_t StableHash(std::string_view bytes, uint64_t seed);

struct SourcePrefixes {
  uint32_t ipv4 = 32;
  uint32_t ipv6 = 64;
};

uint64_t SourceKey(const core::Address& client, SourcePrefixes prefixes, uint64_t seed);

// One hash for each member, of its name. Members of one name have different hashes, which depend on
// how many of that name are before it and on nothing else.
std::vector<uint64_t> HashMembers(std::span<const EndpointMember> members, uint64_t seed);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_HASH_H_
