// TwoTierCache: memory, then a far cache, which gets so much time and no more; what neither has
// comes from the origin, which is slow. A cache that is down makes answers slower and never wrong.
//
//   Get ── memory ── has it ───────────────────────────────────────────────────► value
//             └── far cache ── has it, in time ──────────────── into memory ───► value
//                   └── origin ── into the far cache, in time, and into memory ► value
//
// What it asks are interfaces whose methods return tasks, ordinary virtual functions. Arguments are
// values: a coroutine reads them after its caller has gone on.
//
// Threads: one task at a time. Checked by: tests/core/testing/two_tier_cache_test.cc.
#ifndef SLUICE_CORE_EXAMPLES_TWO_TIER_CACHE_H_
#define SLUICE_CORE_EXAMPLES_TWO_TIER_CACHE_H_

#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/sluice.h"

// Where values come from in the end.
class Origin {
 public:
  virtual ~Origin() = default;
  virtual sluice::core::Task<std::string> Fetch(std::string key) = 0;
};

// A cache that others share.
class FarCache {
 public:
  virtual ~FarCache() = default;
  // Nothing: it does not have it, or cannot be asked, which is the same to us.
  virtual sluice::core::Task<std::optional<std::string>> Get(std::string key) = 0;
  virtual sluice::core::Task<void> Put(std::string key, std::string value) = 0;
};

// The most recently used are kept.
class NearCache {
 public:
  explicit NearCache(size_t most) : most_(most) {}

  std::optional<std::string> Get(const std::string& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return std::nullopt;
    recent_.splice(recent_.begin(), recent_, at->second);
    return at->second->second;
  }
  void Put(const std::string& key, std::string value) {
    if (const auto at = index_.find(key); at != index_.end()) recent_.erase(at->second);
    recent_.emplace_front(key, std::move(value));
    index_[key] = recent_.begin();
    if (recent_.size() <= most_) return;
    index_.erase(recent_.back().first);
    recent_.pop_back();
  }

 private:
  using Entries = std::list<std::pair<std::string, std::string>>;
  const size_t most_;
  Entries recent_;
  std::map<std::string, Entries::iterator> index_;
};

struct Found {
  std::string value;
  std::string_view where;
};

class TwoTierCache {
 public:
  // `far` and `origin` outlive it. `most`: entries in memory.
  TwoTierCache(size_t most, sluice::core::Duration far_time, FarCache& far, Origin& origin)
      : near_(most), far_time_(far_time), far_(far), origin_(origin) {}

  sluice::core::Task<Found> Get(std::string key) {
    if (auto value = near_.Get(key)) co_return Found{*std::move(value), "memory"};
    // Nothing, too, if the time was over.
    std::optional<std::optional<std::string>> cached =
        co_await sluice::core::WithTimeout(far_time_, far_.Get(key));
    if (cached.has_value() && cached->has_value()) {
      near_.Put(key, **cached);
      co_return Found{**cached, "redis"};
    }
    std::string value = co_await origin_.Fetch(key);
    (void)co_await sluice::core::WithTimeout(far_time_, far_.Put(key, value));
    near_.Put(key, value);
    co_return Found{std::move(value), "origin"};
  }

 private:
  NearCache near_;
  const sluice::core::Duration far_time_;
  FarCache& far_;
  Origin& origin_;
};

#endif  // SLUICE_CORE_EXAMPLES_TWO_TIER_CACHE_H_
