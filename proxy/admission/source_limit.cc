#include "proxy/admission/source_limit.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/hash/hash.h"
#include "core/base/check.h"

namespace sluice::proxy {
namespace {

constexpr std::array<uint8_t, 12> kMappedIpv4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// The source of clients without an address; no interface has this number.
constexpr Source kUnknown = {.interface = UINT32_MAX};

void ClearAfter(std::array<uint8_t, 16>& address, uint32_t prefix) {
  for (uint32_t bit = prefix; bit < 128; ++bit) {
    address[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
}

}  // namespace

SourceSlot::~SourceSlot() {
  if (count_ != nullptr) count_->limit.Release(*count_);
}

SourceLimit::~SourceLimit() {
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    SLUICE_DCHECK(shard.counts.empty());
  }
}

Source SourceLimit::ToSource(const core::Address& client) const {
  if (!client.is_ip()) return kUnknown;
  Source source;
  bool is_ipv4 = client.family() == AF_INET;
  if (is_ipv4) {
    std::copy(kMappedIpv4.begin(), kMappedIpv4.end(), source.address.begin());
    const in_addr host = client.ipv4();
    std::memcpy(&source.address[12], &host, sizeof(host));
  } else {
    std::memcpy(source.address.data(), &client.ipv6(), source.address.size());
    is_ipv4 = std::equal(kMappedIpv4.begin(), kMappedIpv4.end(), source.address.begin());
    if (IN6_IS_ADDR_LINKLOCAL(&client.ipv6())) source.interface = client.scope();
  }
  ClearAfter(source.address, is_ipv4 ? 96 + options_.ipv4_prefix : options_.ipv6_prefix);
  return source;
}

SourceLimit::Shard& SourceLimit::ShardOf(const Source& source) {
  return shards_[absl::Hash<Source>()(source) % kShards];
}

bool SourceLimit::TryAcquire(const core::Address& client, SourceSlot& slot) {
  const uint32_t max = this->max();  // once: a reload may change it at any time
  if (max == 0 || client.is_unix()) return true;
  const Source source = ToSource(client);
  Shard& shard = ShardOf(source);
  SourceSlot taken;
  {
    absl::MutexLock lock(&shard.mutex);
    std::unique_ptr<SourceCount>& count = shard.counts[source];
    if (count == nullptr) count.reset(new SourceCount{.limit = *this, .source = source});
    if (count->connections >= max) return false;
    ++count->connections;
    taken.count_ = count.get();
  }
  slot = std::move(taken);  // what it held goes with `taken`, which takes the lock of its shard
  return true;
}

void SourceLimit::Release(SourceCount& count) {
  Shard& shard = ShardOf(count.source);
  absl::MutexLock lock(&shard.mutex);
  SLUICE_CHECK(count.connections > 0);
  if (--count.connections == 0) shard.counts.erase(count.source);
}

}  // namespace sluice::proxy
