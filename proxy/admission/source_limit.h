// SourceLimit: how many connections clients of one address, or of one network, may have;
// SourceSlot: the slot that one of them holds.
//
// A source is an IP address cut to a prefix. IPv4 clients of a dual-stack socket count as IPv4. A
// link-local address (fe80::/10) means something only together with its interface, so that belongs
// to the source: the same address, or the same prefix, on two interfaces is two sources. Clients
// whose address is unknown share one source; UNIX clients have none and no limit. A table entry
// exists while its source has connections, so that the connection limits bound the table.
// Threads: any; a table is split into shards, each with a mutex.
#ifndef SLUICE_PROXY_ADMISSION_SOURCE_LIMIT_H_
#define SLUICE_PROXY_ADMISSION_SOURCE_LIMIT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/net/socket_api.h"

namespace sluice::proxy {

struct SourceOptions {
  uint32_t max_connections = 0;  // of one source; 0: no limit
  uint32_t ipv4_prefix = 32;
  uint32_t ipv6_prefix = 64;

  bool operator==(const SourceOptions&) const = default;
};

struct Source {
  std::array<uint8_t, 16> address{};  // IPv6, IPv4 mapped into it; bits after the prefix are 0
  uint32_t interface = 0;             // of a link-local address

  bool operator==(const Source&) const = default;
  template <typename H>
  friend H AbslHashValue(H hash, const Source& source) {
    return H::combine(std::move(hash), source.address, source.interface);
  }
};

class SourceLimit;

// What the clients of one source hold.
struct SourceCount {
  SourceLimit& limit;
  const Source source;
  uint32_t connections = 0;  // guarded by the mutex of its shard
};

// Gives its slot back when it goes.
class SourceSlot {
 public:
  SourceSlot() = default;
  SourceSlot(SourceSlot&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  SourceSlot& operator=(SourceSlot&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~SourceSlot();

 private:
  friend class SourceLimit;
  SourceCount* count_ = nullptr;
};

class SourceLimit {
 public:
  explicit SourceLimit(const SourceOptions& options)
      : options_(options), max_(options.max_connections) {}
  ~SourceLimit();

  bool limited() const { return max() != 0; }

  // From now on; connections that came while there was no limit are not counted.
  void set_max(uint32_t max) { max_.store(max, std::memory_order_relaxed); }

  // Whether the same clients are one source.
  bool SplitsLike(const SourceOptions& options) const {
    return options.ipv4_prefix == options_.ipv4_prefix &&
           options.ipv6_prefix == options_.ipv6_prefix;
  }

  // Takes a slot for the client's source in place of what `slot` holds. Returns false if that has
  // none free. Where there is nothing to take `slot` stays as it is.
  bool TryAcquire(const core::Address& client, SourceSlot& slot);

 private:
  friend class SourceSlot;
  static constexpr size_t kShards = 16;
  struct alignas(64) Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<Source, std::unique_ptr<SourceCount>> counts ABSL_GUARDED_BY(mutex);
  };

  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  Source ToSource(const core::Address& client) const;
  Shard& ShardOf(const Source& source);
  void Release(SourceCount& count);

  const SourceOptions options_;
  core::Atomic<uint32_t> max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_SOURCE_LIMIT_H_
