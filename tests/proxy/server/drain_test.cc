// The end of a server in its phases: lame duck, ends spread over a window, the second signal; and
// shedding, which spreads the ends of some.
#include "proxy/server/drain.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/time/sleep.h"
#include "tests/proxy/server/serving.h"

namespace sluice::proxy {
namespace {

using testing::Visit;

class DrainTest : public testing::ServingTest {
 protected:
  conf::Config FirstConfig() const override {
    conf::Config config;
    config.stats.interval = 0s;
    config.shutdown = shutdown;
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.endpoints.push_back({.address = even.address()});
    config.upstreams.push_back(upstream);
    conf::Listener web;
    web.name = "web";
    web.bind.push_back(*core::Address::Parse("127.0.0.1:0"));
    web.upstream = upstream.name;
    config.listeners.push_back(web);
    return config;
  }
  std::vector<Visit> Visits(int count) {
    std::vector<Visit> visits;
    for (int i = 0; i < count; ++i) visits.emplace_back(proxy);
    return visits;
  }
  static bool IsReset(const Visit& visit) {  // waits for its end
    char byte = 0;
    return recv(visit.fd.get(), &byte, 1, 0) == -1 && errno == ECONNRESET;
  }

  conf::Shutdown shutdown;
};
SLUICE_CONTRACT(DrainTest, contract::kAll);

TEST_P(DrainTest, ALameDuckServesUntilASecondSignalEndsItAtOnce) {
  shutdown = {.lame_duck = 1h, .drain_window = 1h, .drain_timeout = 1h};
  Serve([this] {
    Visit before(proxy);
    EXPECT_FALSE(server->is_ending());
    SignalEnd();
    logger.WaitFor("not ready any more; new connections are served for 3600 s", 1);
    EXPECT_TRUE(server->is_ending());
    Visit meanwhile(proxy);
    EXPECT_TRUE(meanwhile.Works() && before.Works());
    SignalEnd();
    EXPECT_TRUE(IsReset(before) && IsReset(meanwhile));
    logger.WaitFor("second signal: ending 2 sessions", 1);
  });
}

TEST_P(DrainTest, ASecondSignalEndsTheSpreadAtOnce) {
  shutdown = {.lame_duck = 1ms, .drain_window = 1h, .drain_timeout = 1h};
  Serve([this] {
    const std::vector<Visit> visits = Visits(3);
    SignalEnd();
    logger.WaitFor("no new connections; 3 sessions may finish", 1);
    SignalEnd();
    for (const Visit& visit : visits) EXPECT_TRUE(IsReset(visit));
  });
}

// The most idle ones go first: those that have sent something last are among the last.
TEST_P(DrainTest, EndsAreSpreadTheMostIdleFirst) {
  constexpr int kSessions = 60;
  constexpr int kBusy = 10;
  shutdown = {.drain_window = 1s, .drain_timeout = 1h};
  logger.Reconfigure(core::LogLevel::kDebug, core::LogFormat::kText);
  std::vector<std::string> busy;
  Serve([&] {
    std::vector<Visit> visits = Visits(kSessions);
    for (int i = 0; i < kBusy; ++i) {
      EXPECT_TRUE(visits[i].Works());
      busy.push_back("client=" + contract::AddressOf(visits[i].fd.get()).ToString() + " ");
    }
    SignalEnd();
    for (const Visit& visit : visits) EXPECT_TRUE(IsReset(visit));
  });
  for (int i = 1; i <= kSessions; ++i) {
    const std::string line = logger.WaitFor("session end ", i);
    EXPECT_NE(line.find("reason=shutdown by=proxy"), std::string::npos) << line;
    for (const std::string& client : busy) {
      EXPECT_TRUE(i > kSessions / 2 || line.find(client) == std::string::npos) << i << ": " << line;
    }
  }
}

// A machine that is busy: the window ends while it is looked who is due.
TEST_P(DrainTest, ThoseWhoWereNotDueWhenTheWindowEndedAreEndedToo) {
  shutdown = {.drain_window = 100ms, .drain_timeout = 1h};
  elsewhere = [](std::function<void()> work) -> core::Task<absl::Status> {
    const absl::Status ran = co_await RunOnThread(std::move(work));
    co_await core::Sleep(200ms);
    co_return ran;
  };
  Serve([&] {
    const std::vector<Visit> visits = Visits(60);
    SignalEnd();
    for (const Visit& visit : visits) EXPECT_TRUE(IsReset(visit));
  });
}

// Those that are still there, and new ones, go on.
TEST_P(DrainTest, ShedsAShareByChance) {
  Serve([this] {
    std::vector<Visit> visits = Visits(50);
    SessionActions& actions = server->session_actions();
    EXPECT_EQ(actions.Shed(0, 1s, "test").status().code(), absl::StatusCode::kInvalidArgument);
    const absl::StatusOr<size_t> shed = actions.Shed(30, 200ms, "uid 7");
    ASSERT_TRUE(shed.ok()) << shed.status();
    EXPECT_EQ(*shed, 15u);
    logger.WaitFor("sheds 15 of 50 sessions over 0.2 s (by uid 7)", 1);
    logger.WaitFor("shedding has ended: 15 sessions were told to end", 1);
    int work = 0;
    for (Visit& visit : visits) work += visit.Works() ? 1 : 0;
    EXPECT_EQ(work, 35);
    EXPECT_TRUE(Visit(proxy).Works());
    EXPECT_TRUE(actions.Shed(100, 1h, "test").ok()) << "the one before has ended";
    EXPECT_EQ(actions.Shed(100, 1h, "test").status().code(), absl::StatusCode::kFailedPrecondition);
  });
  logger.WaitFor("shed=15", 1);
}

}  // namespace
}  // namespace sluice::proxy
