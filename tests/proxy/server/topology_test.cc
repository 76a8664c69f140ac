// Topologies that replace each other while connections come, work and go: no connection is
// affected, except that new ones are served as the new configuration says.
#include "proxy/server/topology.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/log/logger.h"
#include "proxy/memory/heap_reserve.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/proxy/server/serving.h"

namespace sluice::proxy {
namespace {

using contract::Fd;
using testing::LineLogger;
using testing::Visit;

constexpr int kExchanges = 40;
constexpr int kVisitors = 3;
constexpr int kHeld = 12;

// `web` at a port of the kernel's choice; every second configuration has another upstream, another
// limit, and a second listener.
conf::Config MakeConfig(const core::Address& server, bool is_odd, const core::Address& second) {
  conf::Config config;
  config.stats.interval = 0s;
  conf::Upstream upstream;
  upstream.name = is_odd ? "odd" : "even";
  upstream.endpoints.push_back({.address = server});
  config.upstreams.push_back(upstream);
  conf::Listener web;
  web.name = "web";
  web.bind.push_back(*core::Address::Parse("127.0.0.1:0"));
  web.upstream = upstream.name;
  web.max_connections = is_odd ? 500 : 400;
  config.listeners.push_back(web);
  if (is_odd) {
    web.name = "second";
    web.bind = {second};
    config.listeners.push_back(web);
  }
  return config;
}

class TopologyTest : public testing::ServingTest {
 protected:
  conf::Config FirstConfig() const override { return ConfigNumber(0); }
  conf::Config ConfigNumber(int number) const {
    const bool is_odd = number % 2 != 0;
    return MakeConfig(is_odd ? odd.address() : even.address(), is_odd, second);
  }

  const core::Address second = contract::AbstractName();
};
SLUICE_CONTRACT(TopologyTest, contract::kAll);

// Every client is served, by the upstream of a configuration that was in force; connections that
// are there go on through all exchanges.
TEST_P(TopologyTest, IsExchangedUnderTraffic) {
  Serve([this] {
    std::vector<Visit> held;
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0};
    std::atomic<int> visits{0};
    std::vector<std::thread> visitors;
    for (int i = 0; i < kVisitors; ++i) {
      visitors.emplace_back([&] {
        while (!stop.load()) {
          Visit visit(proxy);
          if (visit.server == '-' || !visit.Works()) ++failed;
          ++visits;
          contract::Reset(visit.fd);
        }
      });
    }
    for (int number = 1; number <= kExchanges; ++number) {
      const bool is_odd = number % 2 != 0;
      Exchange(ConfigNumber(number));
      if (held.size() < kHeld) {
        held.emplace_back(proxy);
        EXPECT_EQ(held.back().server, is_odd ? 'o' : 'e');
        if (is_odd) {
          held.emplace_back(second);
          EXPECT_EQ(held.back().server, 'o');
        }
      }
      for (Visit& visit : held) EXPECT_TRUE(visit.Works());
    }
    stop.store(true);
    for (std::thread& visitor : visitors) visitor.join();
    EXPECT_EQ(failed.load(), 0);
    EXPECT_GT(visits.load(), 0);
  });
}

// A client that waits for a free slot waits on, and is served by the configuration that is in force
// when there is one.
TEST_P(TopologyTest, AConnectionThatWaitsGoesOnWaiting) {
  const auto waiting = [this](int number) {
    conf::Config config = ConfigNumber(number);
    config.listeners[0].on_limit = conf::OnLimit::kWait;
    config.listeners[0].max_connections = 1;
    return config;
  };
  Serve([&] {
    Exchange(waiting(2));
    Visit first(proxy);
    EXPECT_EQ(first.server, 'e');
    Fd waits = contract::ConnectPlain(proxy);
    contract::SetBlocking(waits.get(), true);
    Exchange(waiting(3));  // the count of the limit is carried over
    Exchange(waiting(4));
    Exchange(waiting(5));
    char byte = 0;
    EXPECT_EQ(recv(waits.get(), &byte, 1, MSG_DONTWAIT), -1) << "the slot is not free yet";
    EXPECT_TRUE(first.Works());
    first.fd.Close();
    EXPECT_EQ(contract::ReceiveExactly(waits.get(), 1), "o");
  });
}

// Applied as a whole or not at all.
TEST_P(TopologyTest, WhatCannotBeServedChangesNothing) {
  Serve([this] {
    const Fd busy = contract::ListenPlain();
    conf::Config config = ConfigNumber(1);
    config.listeners[1].bind.push_back(contract::AddressOf(busy.get()));
    next = config;
    kill(getpid(), SIGHUP);
    logger.WaitFor("the configuration stays as it is", 1);
    logger.WaitFor("Address already in use", 1);
    EXPECT_EQ(Visit(proxy).server, 'e');
    Exchange(ConfigNumber(3));  // its address is not taken by the attempt before
    EXPECT_EQ(Visit(second).server, 'o');
  });
}

// What was prepared at the start for the whole process stays; the rest is applied.
TEST_P(TopologyTest, SettingsOfTheProcessKeepTheirValue) {
  Serve([this] {
    conf::Config config = ConfigNumber(1);
    config.buffers.per_direction_bytes *= 2;
    config.limits.buffer_memory_bytes *= 2;
    config.runtime.workers = 7;
    config.limits.on_limit = conf::OnLimit::kWait;
    Exchange(config);
    logger.WaitFor(
        "keep their value until a restart: runtime.workers, limits.buffer_memory, "
        "buffers.per_direction",
        1);
    logger.WaitFor("reload: listener second is added", 1);
    std::vector<Visit> visits;
    for (int i = 0; i < 3; ++i) {
      visits.emplace_back(proxy);
      EXPECT_EQ(visits.back().server, 'o');
    }
  });
}

// What topologies of one worker share.
struct Process {
  SessionServices Services() {
    return {.limits = limits,
            .stats = stats,
            .logger = logger,
            .events = events,
            .short_throttle = throttle,
            .access_log = nullptr,
            .end_sessions = end.token(),
            .end_unrouted = end.token(),
            .workers = 1};
  }

  LineLogger logger;
  HeapReserve reserve{0, [] { return true; }};
  ProcessLimits limits{10, Rejection::kConnections, 0, /*workers=*/1, reserve};
  StatsRegistry stats{1};
  core::LogThrottle throttle{1s};
  core::CancellationSource end;
  Events events{logger};
};

// A listener's state and its upstream live as long as a session refers to them, and no longer.
TEST(Topology, LivesAsLongAsSomethingRefersToIt) {
  Process process;
  const SessionServices services = process.Services();
  const core::Address nowhere = contract::Loopback(1);
  auto topology = core::MakeRef<Topology>(MakeConfig(nowhere, /*is_odd=*/false, nowhere), services,
                                          /*before=*/nullptr);
  core::IntrusivePtr<const SessionContext> session(topology->listeners()[0].get());
  const core::IntrusivePtr<Admission> admission = topology->listeners()[0]->admission();
  {
    const Admission::Result held =
        admission->Admit(core::Address(), core::Instant(), WhenExhausted::kReject);
    auto same = core::MakeRef<Topology>(topology->config(), services, topology.get());
    EXPECT_EQ(same->listeners()[0]->admission(), admission) << "the same limits go on counting";
    EXPECT_EQ(same->upstreams()[0], topology->upstreams()[0]);
    conf::Config other = topology->config();
    other.listeners[0].max_connections = 7;
    other.upstreams[0].endpoints[0].weight = 3;
    topology = core::MakeRef<Topology>(other, services, same.get());
    EXPECT_NE(topology->listeners()[0]->admission(), admission);
    EXPECT_NE(topology->upstreams()[0], same->upstreams()[0]);
    EXPECT_EQ(topology->upstreams()[0]->pool(), same->upstreams()[0]->pool()) << "counts go on";
  }
  EXPECT_EQ(session->refs(), 1u);
  EXPECT_EQ(session->upstream->refs(), 1u);
  EXPECT_EQ(admission->refs(), 2u);
  session = core::IntrusivePtr<const SessionContext>();
  EXPECT_EQ(admission->refs(), 1u);
}

// A route's sessions have the listener's settings and another upstream; who waits to be routed
// finds the configuration that is in force, and none when its listener is gone.
TEST(Topology, RoutesFollowTheConfiguration) {
  Process process;
  const SessionServices services = process.Services();
  const core::Address nowhere = contract::Loopback(1);
  conf::Config config = MakeConfig(nowhere, /*is_odd=*/false, nowhere);
  auto plain = core::MakeRef<Topology>(config, services, /*before=*/nullptr);
  EXPECT_EQ(plain->listeners()[0]->routing, nullptr) << "without routes nothing is waited for";
  config.upstreams.push_back(config.upstreams[0]);
  config.upstreams[1].name = "routed";
  config.listeners[0].routes = {{.sni = {"a.org"}, .upstream = "routed"},
                                {.sni = {"b.org"}, .upstream = "routed"}};
  auto routed = core::MakeRef<Topology>(config, services, plain.get());
  const ListenerState& listener = *routed->listeners()[0];
  ASSERT_NE(listener.routing, nullptr);
  const Routing& routing = *listener.routing;
  ASSERT_EQ(routing.contexts.size(), 2U);
  EXPECT_EQ(routing.contexts[0], routing.contexts[1]);
  EXPECT_EQ(routing.contexts[0]->upstream->name(), "routed");
  EXPECT_EQ(routing.contexts[0]->listener, listener.listener);
  EXPECT_EQ(routing.contexts[0]->bandwidth.up, listener.bandwidth.up);
  EXPECT_EQ(routing.contexts[0]->counts->upstream, "routed");
  EXPECT_EQ(routing.contexts[0]->routing, nullptr) << "a route leads to no other";
  EXPECT_EQ(routing.current->Get().get(), plain->listeners()[0].get()) << "it is not in force yet";
  routed->PutLimitsInForce(process.limits, 1);
  plain = {};
  EXPECT_EQ(routing.current->Get().get(), &listener);
  const core::IntrusivePtr<const CurrentContext> current = routing.current;
  core::IntrusivePtr<const SessionContext> session(&listener);
  routed = {};
  EXPECT_FALSE(current->Get());
  EXPECT_EQ(session->refs(), 1u) << "the listener's state lives by its sessions alone";
}

}  // namespace
}  // namespace sluice::proxy
