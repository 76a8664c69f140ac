// HealthMonitors: how often they look at the endpoints of an upstream, and where they do what may
// take long.
#include "proxy/upstream/health_monitors.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/sched/worker.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using core::testing::Yield;

class Silent final : public core::Logger {
 public:
  Silent() : Logger(core::LogLevel::kError) {}
  void Write(core::LogLevel, std::string_view) override {}
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }
};

conf::Upstream Config(size_t endpoints) {
  conf::Upstream config;
  config.name = "app";
  for (size_t i = 0; i < endpoints; ++i) {
    config.endpoints.push_back(
        {.address = *core::Address::Parse("10.0." + std::to_string(i / 250) + "." +
                                          std::to_string(i % 250 + 1) + ":80")});
  }
  return config;
}

// Something is changed at any time, as with thousands of checks that end each second.
Task<void> LooksUnderAStorm(core::RuntimeHandle runtime) {
  constexpr size_t kEndpoints = 10'000;
  conf::Upstream config = Config(kEndpoints);
  config.passive_health.failures = 1;
  const auto upstream = core::MakeRef<Upstream>(config, 1);
  UpstreamHealth& health = upstream->pool()->health();
  Silent logger;
  Events events(logger);
  HealthMonitors monitors(runtime, events, {});
  const core::Clock& clock = core::Worker::Current()->clock();
  const core::Instant began = clock.Now();
  monitors.Follow(std::vector{upstream});
  while (clock.Now() < began + 200ms) {
    health.changed().All();
    co_await Yield();
  }
  const uint64_t looks = health.looks();
  const auto most = static_cast<uint64_t>((clock.Now() - began) / 10ms) + 2;
  EXPECT_GE(looks, 1u);
  EXPECT_LE(looks, most) << "one for each 10 ms";
  co_await monitors.Stop();
}

TEST(HealthMonitors, ManyEndpointsAreNotLookedAtForEachChange) {
  TestRuntime runtime(1);
  runtime.Run(LooksUnderAStorm(runtime.handle()));
}

// Whenever it comes: before a look, in the pause after one, or later.
Task<void> ChangesAreSeen(core::RuntimeHandle runtime) {
  conf::Upstream config = Config(2);
  config.passive_health.failures = 1;
  const auto upstream = core::MakeRef<Upstream>(config, 1);
  UpstreamHealth& health = upstream->pool()->health();
  Silent logger;
  Events events(logger);
  HealthMonitors monitors(runtime, events, {});
  monitors.Follow(std::vector{upstream});
  const core::Clock& clock = core::Worker::Current()->clock();
  for (core::Duration later = 0ms; later < 3ms; later += 100us) {
    for (const core::Instant from = clock.Now(); clock.Now() < from + later;) co_await Yield();
    const uint64_t before = health.looks();
    health.changed().All();
    while (health.looks() == before) co_await Yield();
  }
  co_await monitors.Stop();
}

TEST(HealthMonitors, NoChangeIsMissed) {
  TestRuntime runtime(1);
  runtime.Run(ChangesAreSeen(runtime.handle()));
}

// Another weight makes another table of endpoints.
Task<void> ReweighsWhere(core::RuntimeHandle runtime, bool has_threads, std::thread::id& where) {
  conf::Upstream config = Config(1);
  config.agent.port = 9999;
  config.agent.interval = 1h;
  const auto upstream = core::MakeRef<Upstream>(config, 1);
  UpstreamHealth& health = upstream->pool()->health();
  Silent logger;
  Events events(logger);
  HealthActs acts;
  acts.reweigh = [&where](const Upstream&) { where = std::this_thread::get_id(); };
  acts.elsewhere = [has_threads](std::function<void()> work) -> Task<absl::Status> {
    if (!has_threads) co_return absl::UnavailableError("no thread");
    std::thread(std::move(work)).join();
    co_return absl::OkStatus();
  };
  HealthMonitors monitors(runtime, events, std::move(acts));
  const core::Instant now = core::Worker::Current()->clock().Now();
  EXPECT_EQ(health.TakeDue(now, events).agents.size(), 1u);
  const auto set = upstream->queue().ShareSet();
  health.AgentSaid(set->endpoint(0), "50%", now, now, events);  // it is asked again in an hour
  monitors.Follow(std::vector{upstream});
  while (where == std::thread::id()) co_await Yield();
  co_await monitors.Stop();
}

TEST(HealthMonitors, ReweighsElsewhereAndWithoutThreadsHere) {
  for (const bool has_threads : {true, false}) {
    std::thread::id where;
    TestRuntime runtime(1);
    runtime.Run(ReweighsWhere(runtime.handle(), has_threads, where));
    EXPECT_EQ(where != std::this_thread::get_id(), has_threads) << "the only worker runs here";
  }
}

}  // namespace
}  // namespace sluice::proxy
