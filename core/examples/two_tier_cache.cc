// A cache of two tiers (two_tier_cache.h): memory, then Redis, which gets 50 ms and no more; what
// neither has comes from the origin, which is slow.
//
//     bazel run //core/examples:two_tier_cache -- 127.0.0.1:6379 tea coffee tea
#include "core/examples/two_tier_cache.h"

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
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

// A computation, or a database.
class SlowOrigin final : public Origin {
 public:
  core::Task<std::string> Fetch(std::string key) override {
    (void)co_await core::Sleep(200ms);
    co_return "value of " + key;
  }
};

class RedisCache final : public FarCache {
 public:
  explicit RedisCache(Redis redis) : redis_(std::move(redis)) {}

  core::Task<std::optional<std::string>> Get(std::string key) override {
    redis::Value value = co_await redis_.Get(std::move(key));
    if (!value.ok()) co_return std::nullopt;
    co_return *std::move(value);
  }
  core::Task<void> Put(std::string key, std::string value) override {
    (void)co_await redis_.Set(std::move(key), std::move(value), kExpiry);
  }

 private:
  Redis redis_;
};

core::Task<int> Main(core::Address address, std::vector<std::string> keys, size_t most,
                     core::Duration redis_time) {
  RedisCache far(Redis::Start(core::RuntimeHandle::Current(), address));
  SlowOrigin origin;
  TwoTierCache cache(most, redis_time, far, origin);
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
