// What a pick costs, in nanoseconds: for each policy and for 3, 32, 300 and 10,000 endpoints.
//
//   bazel run -c opt //tests/proxy/upstream/balance:pick_bench
//   ... -- --benchmark_filter=maglev
//
// "pick" is the policy alone; "slot" is what a session costs: the pick, its slot and giving that
// back, with the queue's lock. Every endpoint has some sessions, and one of ten is at its limit.

#include <benchmark/benchmark.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "proxy/upstream/balance/factory.h"
#include "proxy/upstream/balance/pick.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy {
namespace {

using testing::Endpoints;

class Upstream {
 public:
  Upstream(conf::Upstream config, size_t count)
      : balancer_(MakeBalancer(config)), endpoints_(count) {
    std::vector<EndpointMember> members;
    for (uint32_t i = 0; i < count; ++i) {
      members.push_back({.endpoint = endpoints_[i],
                         .weight = i % 4 + 1,
                         .max_connections = i % 10 == 9 ? 1u : 0u});
    }
    set_ = MakeEndpointSet(std::move(members), {.balancer = balancer_});
    queue_ = std::make_unique<EndpointQueue>(1, set_);
    for (size_t i = 0; i < 3 * count; ++i) {
      held_.push_back(queue_->TryAcquire(0, Request(), {}));
    }
  }

  PickRequest Request() {
    const uint64_t number = core::Mix(++number_);
    return {.key = number, .now = core::Instant(core::Duration(1)), .random = number};
  }
  Endpoint* Pick() { return PickEndpoint(*set_, Request(), {}); }
  EndpointSlot Take() { return queue_->TryAcquire(0, Request(), {}); }

 private:
  const std::shared_ptr<Balancer> balancer_;
  const Endpoints endpoints_;
  std::shared_ptr<const EndpointSet> set_;
  std::unique_ptr<EndpointQueue> queue_;
  std::vector<EndpointSlot> held_;
  uint64_t number_ = 0;
};

void Register(const std::string& name, const conf::Upstream& config) {
  for (const size_t count : {3, 32, 300, 10'000}) {
    const std::string suffix = "/" + name + "/" + std::to_string(count);
    benchmark::RegisterBenchmark(("pick" + suffix).c_str(), [=](benchmark::State& state) {
      Upstream upstream(config, count);
      for (auto _ : state) benchmark::DoNotOptimize(upstream.Pick());
    });
    benchmark::RegisterBenchmark(("slot" + suffix).c_str(), [=](benchmark::State& state) {
      Upstream upstream(config, count);
      for (auto _ : state) {
        const EndpointSlot slot = upstream.Take();
        benchmark::DoNotOptimize(slot.valid());
      }
    });
  }
}

void RegisterAll() {
  const std::vector<std::pair<std::string, conf::Balance>> policies = {
      {"round_robin", conf::Balance::kRoundRobin},
      {"least_connections", conf::Balance::kLeastConnections},
      {"random_two", conf::Balance::kRandomTwo},
      {"source_hash", conf::Balance::kSourceHash},
      {"maglev", conf::Balance::kMaglev},
      {"first", conf::Balance::kFirst},
      {"fastest", conf::Balance::kFastest}};
  for (const auto& [name, balance] : policies) {
    conf::Upstream config;
    config.balance = balance;
    Register(name, config);
  }
  conf::Upstream bounded;
  bounded.balance = conf::Balance::kMaglev;
  bounded.hash.max_load = 125;
  Register("maglev_max_load", bounded);
}

}  // namespace
}  // namespace sluice::proxy

int main(int argc, char** argv) {
  sluice::proxy::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
