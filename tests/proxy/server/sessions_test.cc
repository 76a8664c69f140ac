// SessionActions on a server that serves: what is shown of its sessions, and their end by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/server/session_actions.h"
#include "tests/proxy/server/serving.h"

namespace sluice::proxy {
namespace {

using contract::Fd;
using testing::Visit;

class SessionsTest : public testing::ServingTest {
 protected:
  conf::Config FirstConfig() const override {
    conf::Config config;
    config.stats.interval = 0s;
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.queue_timeout = 1min;
    upstream.endpoints.push_back({.address = even.address(), .max_connections = max});
    config.upstreams.push_back(upstream);
    conf::Listener web;
    web.name = "web";
    web.bind.push_back(*core::Address::Parse("127.0.0.1:0"));
    web.upstream = upstream.name;
    config.listeners.push_back(web);
    return config;
  }
  SessionActions& actions() { return server->session_actions(); }
  // The session of this client.
  SessionRow RowOf(const Fd& client, RowDetail detail = RowDetail::kNames) {
    const SessionFilter filter{.client = contract::AddressOf(client.get()).ToString()};
    for (;;) {
      SessionPage page = actions().List({.filter = filter}, detail);
      if (!page.rows.empty()) return page.rows.front();
      std::this_thread::yield();
    }
  }
  SessionRow WaitFor(const Fd& client, SessionStage stage) {
    for (;;) {
      SessionRow row = RowOf(client);
      if (row.stage == stage) return row;
      std::this_thread::yield();
    }
  }
  static bool IsReset(const Fd& fd) {
    char byte = 0;
    return recv(fd.get(), &byte, 1, 0) == -1 && errno == ECONNRESET;
  }

  uint32_t max = 0;
};
SLUICE_CONTRACT(SessionsTest, contract::kAll);

TEST_P(SessionsTest, ARowShowsWhatASessionDoes) {
  Serve([this] {
    Visit visit(proxy);
    ASSERT_TRUE(visit.Works());
    SessionRow row = RowOf(visit.fd, RowDetail::kPaths);
    while (row.bytes_down < 11) row = RowOf(visit.fd, RowDetail::kPaths);
    EXPECT_GT(row.id, 0u);
    EXPECT_EQ(row.listener, "web");
    EXPECT_EQ(row.upstream, "app");
    EXPECT_EQ(row.endpoint, even.address().ToString());
    EXPECT_EQ(row.stage, SessionStage::kRelay);
    EXPECT_EQ(row.bytes_up, 10u);
    EXPECT_EQ(row.bytes_down, 11u) << "the greeting, too";
    EXPECT_GE(row.age, row.idle);
    ASSERT_TRUE(row.paths.has_value());
    EXPECT_TRUE(row.paths->client.known);
    EXPECT_EQ(row.paths->buffered_up, 0u);
    EXPECT_FALSE(RowOf(visit.fd).paths.has_value());
    shutdown(visit.fd.get(), SHUT_WR);
    EXPECT_EQ(contract::ReceiveExactly(visit.fd.get(), 1), "") << "the server ends, too";
    while (!actions().List({}).rows.empty()) std::this_thread::yield();
  });
}

TEST_P(SessionsTest, AKilledSessionIsResetAndCountedAsTheAdministrators) {
  Serve([this] {
    Visit first(proxy);
    Visit second(proxy);
    const uint64_t id = RowOf(first.fd).id;
    EXPECT_TRUE(actions().Kill(id, "uid 7").ok());
    EXPECT_TRUE(IsReset(first.fd));
    EXPECT_TRUE(second.Works());
    EXPECT_EQ(actions().Kill(id, "uid 7").code(), absl::StatusCode::kNotFound);
    logger.WaitFor("session " + std::to_string(id) + ": killed (by uid 7)", 1);
  });
  logger.WaitFor("killed=1", 1);
}

// Kills come in every stage: while it waits for a free slot, relays, and is half closed.
TEST_P(SessionsTest, EveryStageCanBeKilled) {
  max = 1;
  Serve([this] {
    std::optional<Visit> holds(proxy);
    const Fd waits = contract::ConnectPlain(proxy);
    contract::SetBlocking(waits.get(), true);
    const SessionRow waiting = WaitFor(waits, SessionStage::kConnect);
    EXPECT_EQ(waiting.endpoint, "");
    EXPECT_TRUE(actions().Kill(waiting.id, "test").ok());
    EXPECT_TRUE(IsReset(waits));
    EXPECT_TRUE(holds->Works());
    EXPECT_EQ(actions().Kill(SessionFilter{.stage = SessionStage::kRelay}, "test"), 1u);
    EXPECT_TRUE(IsReset(holds->fd));
    const Visit next(proxy);
    EXPECT_EQ(next.server, 'e') << "its slot is free again";
  });
}

TEST_P(SessionsTest, KillsByFilterWhileClientsComeAndGo) {
  Serve([this] {
    std::atomic<bool> stop{false};
    std::vector<std::thread> visitors;
    for (int i = 0; i < 3; ++i) {
      visitors.emplace_back([&] {
        while (!stop.load()) {
          Visit visit(proxy);
          (void)visit.Works();
          if (i == 0) contract::Reset(visit.fd);
        }
      });
    }
    size_t killed = 0;
    while (killed < 300) killed += actions().Kill(SessionFilter{.upstream = "app"}, "test");
    stop = true;
    for (std::thread& visitor : visitors) visitor.join();
    Visit visit(proxy);
    EXPECT_TRUE(visit.Works());
  });
}

}  // namespace
}  // namespace sluice::proxy
