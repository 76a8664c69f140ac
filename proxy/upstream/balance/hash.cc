#include "proxy/upstream/balance/hash.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

// All of it is compiled into this file, so that no program needs the library to run.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/container/flat_hash_map.h"
#include "core/base/random.h"

namespace sluice::proxy {
namespace {

// `bytes` with all but the first `prefix` bits cleared, behind a byte that tells the families
// apart.
template <size_t kSize>
uint64_t HashNetwork(const void* bytes, uint32_t prefix, uint64_t seed) {
  std::array<char, kSize + 1> text{};
  text[0] = static_cast<char>(kSize);
  std::memcpy(text.data() + 1, bytes, kSize);
  for (size_t i = 0; i < kSize; ++i) {
    const size_t kept = prefix > 8 * i ? std::min<size_t>(prefix - 8 * i, 8) : 0;
    text[i + 1] = static_cast<char>(text[i + 1] & static_cast<char>(0xFF00 >> kept));
  }
  return StableHash({text.data(), text.size()}, seed);
}

}  // namespace

uint64_t StableHash(std::string_view bytes, uint64_t seed) {
  return XXH64(bytes.data(), bytes.size(), seed);
}

uint64_t SourceKey(const core::Address& client, SourcePrefixes prefixes, uint64_t seed) {
  const core::Address address = client.Unmapped();
  switch (address.family()) {
    case AF_INET: {
      const in_addr host = address.ipv4();
      return HashNetwork<sizeof(host)>(&host, prefixes.ipv4, seed);
    }
    case AF_INET6:
      return HashNetwork<sizeof(in6_addr)>(&address.ipv6(), prefixes.ipv6, seed);
    default:
      return StableHash(address.unix_name(), seed);
  }
}

std::vector<uint64_t> HashMembers(std::span<const EndpointMember> members, uint64_t seed) {
  std::vector<uint64_t> hashes;
  hashes.reserve(members.size());
  absl::flat_hash_map<std::string_view, uint64_t> before;
  for (const EndpointMember& member : members) {
    const std::string_view name = member.endpoint->name();
    const uint64_t same = before[name]++;
    const uint64_t hash = StableHash(name, seed);
    hashes.push_back(same == 0 ? hash : core::Mix(hash + same));
  }
  return hashes;
}

}  // namespace sluice::proxy
