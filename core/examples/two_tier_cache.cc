// A cache of two tiers: memory, then Redis, which gets 50 ms and no more; what neither has comes
// from the origin, which is slow. A cache that is down makes answers slower and never wrong.
//
//     bazel run //core/examples:two_tier_cache -- 127.0.0.1:6379 tea coffee tea
//
//   Get ── memory ── has it ───────────────────────────────────────────► value
//             └── Redis ── has it, in time ──────────── into memory ───► value
//                   └── origin ── into Redis, in time, and into memory ► value
#include <chrono>
#include <cstdio>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/redis_actor.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

constexpr core::Duration kExpiry = 60s;

// The most recently used are kept. Inside one task at a time.
class Memory {
 public:
  explicit Memory(size_t most) : most_(most) {}

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

core::Task<std::string> AskOrigin(const std::string& key) {
  (void)co_await core::Sleep(200ms);  // a computation, or a database
  co_return "value of " + key;
}

struct Found {
  std::string value;
  std::string_view where;
};

class TwoTierCache {
 public:
  TwoTierCache(size_t most, core::Duration redis_time, Redis redis)
      : memory_(most), redis_time_(redis_time), redis_(std::move(redis)) {}

  core::Task<Found> Get(std::string key) {
    if (auto value = memory_.Get(key)) co_return Found{*std::move(value), "memory"};
    // Nothing: the time was over; an error, such as that it does not run: the same to us.
    std::optional<redis::Value> cached = co_await core::WithTimeout(redis_time_, redis_.Get(key));
    if (cached.has_value() && cached->ok() && (*cached)->has_value()) {
      memory_.Put(key, ***cached);
      co_return Found{***cached, "redis"};
    }
    std::string value = co_await AskOrigin(key);
    (void)co_await core::WithTimeout(redis_time_, redis_.Set(key, value, kExpiry));
    memory_.Put(key, value);
    co_return Found{std::move(value), "origin"};
  }

 private:
  Memory memory_;
  const core::Duration redis_time_;
  Redis redis_;
};

core::Task<int> Main(core::Address address, std::vector<std::string> keys, size_t most,
                     core::Duration redis_time) {
  TwoTierCache cache(most, redis_time, Redis::Start(core::RuntimeHandle::Current(), address));
  for (const std::string& key : keys) {
    const core::Instant begin = core::Now();
    const Found found = co_await cache.Get(key);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(core::Now() - begin);
    std::printf("%s: %s, %.*s, %lld ms\n", key.c_str(), found.value.c_str(),
                static_cast<int>(found.where.size()), found.where.data(),
                static_cast<long long>(took.count()));
    std::fflush(stdout);
  }
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv,
                      "two_tier_cache ADDRESS KEY... [--entries=N] [--redis-milliseconds=N]");
  const core::Address address = arguments.AddressAt(0);
  std::vector<std::string> keys = arguments.WordsFrom(1, 1);
  const uint32_t entries = arguments.Number("entries", 1000);
  const auto redis_time = std::chrono::milliseconds(arguments.Number("redis-milliseconds", 50));
  return core::RunMain(Main(address, std::move(keys), entries, redis_time),
                       arguments.Runtime(Arguments::kAnyWords));
}
