#include "proxy/source_limit.h"

#include <algorithm>
#include <cstring>

#include "absl/hash/hash.h"
#include "core/check.h"

namespace sluice::proxy {
namespace {

constexpr std::array<uint8_t, 12> kMappedIpv4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void ClearAfter(Source& source, uint32_t prefix) {
  for (uint32_t bit = prefix; bit < 128; ++bit) {
    source[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
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
  Source source = {};
  bool is_ipv4 = client.family() == AF_INET;
  if (is_ipv4) {
    std::copy(kMappedIpv4.begin(), kMappedIpv4.end(), source.begin());
    std::memcpy(&source[12], &client.ipv4.sin_addr, 4);
  } else {
    std::memcpy(source.data(), &client.ipv6.sin6_addr, source.size());
    is_ipv4 = std::equal(kMappedIpv4.begin(), kMappedIpv4.end(), source.begin());
  }
  ClearAfter(source, is_ipv4 ? 96 + config_.ipv4_prefix : config_.ipv6_prefix);
  return source;
}

SourceLimit::Shard& SourceLimit::ShardOf(const Source& source) {
  return shards_[absl::Hash<Source>()(source) % kShards];
}

bool SourceLimit::TryAcquire(const core::Address& client, SourceSlot& slot) {
  if (!limited() || !client.is_tcp()) return true;
  const Source source = ToSource(client);
  Shard& shard = ShardOf(source);
  absl::MutexLock lock(&shard.mutex);
  std::unique_ptr<SourceCount>& count = shard.counts[source];
  if (count == nullptr) count.reset(new SourceCount{.limit = *this, .source = source});
  if (count->connections >= config_.max_connections) return false;
  ++count->connections;
  slot.count_ = count.get();
  return true;
}

void SourceLimit::Release(SourceCount& count) {
  Shard& shard = ShardOf(count.source);
  absl::MutexLock lock(&shard.mutex);
  SLUICE_CHECK(count.connections > 0);
  if (--count.connections == 0) shard.counts.erase(count.source);
}

}  // namespace sluice::proxy
