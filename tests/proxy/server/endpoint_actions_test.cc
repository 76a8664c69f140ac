// EndpointActions on a server that serves: from another thread, under its traffic and its reloads.
#include "proxy/server/endpoint_actions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/proxy/server/serving.h"

namespace sluice::proxy {
namespace {

using contract::Fd;
using testing::EchoServer;
using testing::Visit;

constexpr std::string_view kWho = "uid 7";

// `web` has two endpoints, of one slot each.
class EndpointActionsTest : public testing::ServingTest {
 protected:
  conf::Config FirstConfig() const override { return Config({even.address(), odd.address()}); }
  conf::Config Config(std::vector<core::Address> endpoints) const {
    conf::Config config;
    config.stats.interval = 0s;
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.queue_timeout = queue_timeout;
    upstream.on_removed = on_removed;
    for (const core::Address& address : endpoints) {
      upstream.endpoints.push_back({.address = address, .max_connections = max});
    }
    config.upstreams.push_back(upstream);
    conf::Listener web;
    web.name = "web";
    web.bind.push_back(*core::Address::Parse("127.0.0.1:0"));
    web.upstream = upstream.name;
    config.listeners.push_back(web);
    return config;
  }
  EndpointActions& actions() { return server->endpoint_actions(); }
  EndpointId Of(const EchoServer& server) const { return {"app", server.address().ToString()}; }
  void Set(const EchoServer& server, AdminState state) {
    const EndpointActions::Answer answer = actions().SetState(Of(server), state, kWho);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->state, state);
  }
  bool Drained(const EchoServer& server, core::Duration timeout) {
    return RunThere([this, &server, timeout](std::atomic<int>& result) -> core::Task<void> {
      result = co_await actions().UntilDrained(Of(server), timeout) ? 1 : 0;
    });
  }
  // Runs a task of the server's runtime, and waits for it.
  template <typename Make>
  int RunThere(Make make) {
    std::atomic<int> result{-1};
    core::SpawnOn(runtime().handle(), nullptr, make(result)).Detach();
    while (result == -1) std::this_thread::yield();
    return result;
  }
  std::string Servers(int visits) {
    std::string servers;
    for (int i = 0; i < visits; ++i) servers += Visit(proxy).server;
    return servers;
  }

  uint32_t max = 0;
  core::Duration queue_timeout = 0s;
  conf::OnRemoved on_removed;
};
SLUICE_CONTRACT(EndpointActionsTest, contract::kAll);

TEST_P(EndpointActionsTest, DrainHoldsWhenItReturns) {
  Serve([this] {
    Visit first(proxy);
    Visit second(proxy);
    Visit& on_even = first.server == 'e' ? first : second;
    ASSERT_EQ(on_even.server, 'e');
    Set(even, AdminState::kDrain);
    EXPECT_EQ(Servers(6), "oooooo");
    EXPECT_TRUE(on_even.Works()) << "its session goes on";
    EXPECT_EQ(actions().Find(Of(even))->sessions, 1u);
    EXPECT_FALSE(Drained(even, 5ms));
    contract::Reset(on_even.fd);
    EXPECT_TRUE(Drained(even, 1min));
    EXPECT_EQ(actions().Find(Of(even))->sessions, 0u);
    Set(even, AdminState::kReady);
    EXPECT_NE(Servers(6).find('e'), std::string::npos);
    logger.WaitFor("endpoint app/" + even.address().ToString() + ": drain (by uid 7)", 1);
  });
}

TEST_P(EndpointActionsTest, MaintenanceEndsSessionsWhereTheRuleIsReset) {
  on_removed.sessions = conf::SessionsOfRemoved::kReset;
  Serve([this] {
    Visit first(proxy);
    Visit second(proxy);
    Visit& on_even = first.server == 'e' ? first : second;
    Visit& on_odd = first.server == 'e' ? second : first;
    Set(even, AdminState::kMaintenance);
    char byte = 0;
    EXPECT_LE(recv(on_even.fd.get(), &byte, 1, 0), 0) << "it has been reset";
    EXPECT_TRUE(on_odd.Works());
    EXPECT_TRUE(Drained(even, 1min));
    EXPECT_EQ(Servers(4), "oooo");
    Set(even, AdminState::kReady);
    Visit third(proxy);
    Visit fourth(proxy);
    EXPECT_TRUE(third.Works() && fourth.Works());
    EXPECT_NE(third.server, fourth.server);
  });
}

TEST_P(EndpointActionsTest, AReloadUndoesNothing) {
  Serve([this] {
    Set(even, AdminState::kDrain);
    conf::Config config = FirstConfig();
    for (const conf::Balance balance :
         {conf::Balance::kRoundRobin, conf::Balance::kLeastConnections,
          conf::Balance::kRandomTwo}) {
      config.upstreams[0].balance = balance;
      config.upstreams[0].connect_attempts += 1;
      Exchange(config);
      EXPECT_EQ(Servers(4), "oooo");
    }
    ASSERT_TRUE(actions().Reset(Of(even), kWho).ok());
    EXPECT_EQ(actions().Find(Of(even))->state, AdminState::kReady);
    ASSERT_TRUE(actions().SetWeight(Of(odd), 0, kWho).ok());
    Exchange(FirstConfig());
    EXPECT_EQ(Servers(4), "eeee");
    EXPECT_EQ(*actions().Find(Of(odd))->configured_weight, 1u);
    EXPECT_EQ(actions().Find(Of(odd))->weight, 0u);
  });
}

TEST_P(EndpointActionsTest, EndpointsComeAndGoAtRunTime) {
  Serve([this] {
    ASSERT_TRUE(actions().Remove(Of(even), kWho).ok());
    EXPECT_EQ(Servers(4), "oooo");
    Exchange(FirstConfig());
    EXPECT_EQ(Servers(4), "oooo") << "it stays away";
    Exchange(Config({odd.address()}));
    Exchange(FirstConfig());
    EXPECT_NE(Servers(4), "oooo") << "the file has dropped it and named it again";
    Exchange(Config({odd.address()}));
    ASSERT_TRUE(actions().Add("app", {.address = even.address(), .weight = 1}, kWho).ok());
    EXPECT_NE(Servers(4), "oooo");
    Exchange(Config({odd.address()}));
    EXPECT_NE(Servers(4), "oooo") << "it stays until it is removed";
    EXPECT_EQ(actions().List().size(), 2u);
    EXPECT_FALSE(actions().Find(Of(even))->configured_weight.has_value());
    const EndpointActions::Answer removed = actions().Remove(Of(even), kWho);
    ASSERT_TRUE(removed.ok()) << removed.status();
    EXPECT_TRUE(removed->is_removed);
    EXPECT_EQ(Servers(4), "oooo");
  });
}

// All endpoints are out: a client waits for queue_timeout, and whatever comes back serves it.
TEST_P(EndpointActionsTest, AClientThatWaitsIsServedAtOnce) {
  max = 1;
  queue_timeout = 1min;
  Serve([this] {
    Set(even, AdminState::kMaintenance);
    Set(odd, AdminState::kDrain);
    Fd first = contract::ConnectPlain(proxy);
    Fd second = contract::ConnectPlain(proxy);
    Fd third = contract::ConnectPlain(proxy);
    for (const Fd* fd : {&first, &second, &third}) contract::SetBlocking(fd->get(), true);
    char byte = 0;
    EXPECT_EQ(recv(first.get(), &byte, 1, MSG_DONTWAIT), -1);
    const EchoServer added('a');
    ASSERT_TRUE(
        actions().Add("app", {.address = added.address(), .max_connections = 1}, kWho).ok());
    Set(odd, AdminState::kReady);
    Set(even, AdminState::kReady);
    std::string servers;
    for (const Fd* fd : {&first, &second, &third}) {
      servers += contract::ReceiveExactly(fd->get(), 1);
    }
    std::sort(servers.begin(), servers.end());
    EXPECT_EQ(servers, "aeo");
    for (Fd* fd : {&first, &second, &third}) contract::Reset(*fd);
    EXPECT_TRUE(Drained(even, 1min) && Drained(odd, 1min));
  });
}

// What a process before has kept is not known yet: it would take the place of what is done now.
TEST_P(EndpointActionsTest, ActsMayBeRejectedUntilTheStateIsKnown) {
  Serve([this] {
    actions().set_rejects("not read yet");
    const EndpointActions::Answer rejected = actions().SetState(Of(odd), AdminState::kDrain, kWho);
    EXPECT_EQ(rejected.status(), absl::UnavailableError("not read yet"));
    EXPECT_EQ(actions().Find(Of(odd))->state, AdminState::kReady);
    EndpointActions::Changes kept;
    kept["app"][Of(even).name].state = AdminState::kDrain;
    actions().Restore(kept);
    actions().set_rejects("");
    Set(odd, AdminState::kReady);
    EXPECT_EQ(actions().Find(Of(even))->state, AdminState::kDrain);
    EXPECT_EQ(Servers(4), "oooo");
  });
}

TEST_P(EndpointActionsTest, SentencesSayWhatIsAllowed) {
  Serve([this] {
    const auto message = [](const EndpointActions::Answer& answer) {
      return std::string(answer.status().message());
    };
    EXPECT_EQ(message(actions().SetState({"ap", "x"}, AdminState::kDrain, kWho)),
              "there is no upstream ap; there are app");
    EXPECT_NE(message(actions().SetState({"app", "x"}, AdminState::kDrain, kWho))
                  .find("upstream app has no endpoint x; it has 127.0.0.1:"),
              std::string::npos);
    EXPECT_EQ(message(actions().SetWeight(Of(even), 257, kWho)), "weight 257, allowed: 0 to 256");
    EXPECT_EQ(actions().Add("app", {.address = even.address()}, kWho).status().code(),
              absl::StatusCode::kAlreadyExists);
    ASSERT_TRUE(actions().Remove(Of(even), kWho).ok());
    EXPECT_EQ(actions().Remove(Of(even), kWho).status().code(), absl::StatusCode::kNotFound);
    EXPECT_NE(
        message(actions().SetState(Of(even), AdminState::kReady, kWho)).find("reset brings it"),
        std::string::npos);
    EXPECT_TRUE(actions().Reset(Of(even), kWho).ok());
  });
}

// Acts and reloads in any order under traffic: each client is served, and what is out gets none.
TEST_P(EndpointActionsTest, UnderTrafficAndReloads) {
  Serve([this] {
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0};
    std::vector<std::thread> visitors;
    for (int i = 0; i < 2; ++i) {
      visitors.emplace_back([&] {
        while (!stop.load()) {
          Visit visit(proxy);
          if (visit.server == '-' || !visit.Works()) ++failed;
          contract::Reset(visit.fd);
        }
      });
    }
    std::thread reloads([&] {
      for (int i = 0; i < 20; ++i) {
        conf::Config config = FirstConfig();
        config.upstreams[0].balance =
            i % 2 == 0 ? conf::Balance::kLeastConnections : conf::Balance::kMaglev;
        if (i % 3 == 0) config.upstreams[0].endpoints[0].weight = 5;
        Exchange(config);
      }
    });
    for (int i = 0; i < 60; ++i) {
      const EchoServer& out = i % 2 == 0 ? even : odd;
      Set(out, i % 4 < 2 ? AdminState::kDrain : AdminState::kMaintenance);
      EXPECT_TRUE(Drained(out, 1min));
      EXPECT_EQ(actions().Find(Of(out))->sessions, 0u);
      ASSERT_TRUE(actions().Reset(Of(out), kWho).ok());
    }
    reloads.join();
    stop = true;
    for (std::thread& visitor : visitors) visitor.join();
    EXPECT_EQ(failed.load(), 0);
  });
}

}  // namespace
}  // namespace sluice::proxy
