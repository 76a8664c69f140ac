// UpstreamHealth: what checks and sessions say, and which endpoints sessions are kept from by it.
#include "proxy/upstream/upstream_health.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {
namespace {

using core::Instant;
using Failure = Outlier::Failure;

constexpr Instant kStart(100s);

class Lines final : public core::Logger {
 public:
  Lines() : Logger(core::LogLevel::kInfo) {}
  void Write(core::LogLevel, std::string_view line) override { all_.emplace_back(line); }
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }
  std::vector<std::string> Take() { return std::exchange(all_, {}); }

 private:
  std::vector<std::string> all_;
};

using Strings = std::vector<std::string>;

conf::Upstream Config(size_t endpoints) {
  conf::Upstream config;
  config.name = "app";
  for (size_t i = 0; i < endpoints; ++i) {
    config.endpoints.push_back(
        {.address = *core::Address::Parse("10.0.0." + std::to_string(i + 1) + ":80")});
  }
  return config;
}

conf::Upstream Checking(size_t endpoints) {
  conf::Upstream config = Config(endpoints);
  config.health.check = conf::Check::kConnect;
  return config;
}

conf::Upstream Passive(size_t endpoints) {
  conf::Upstream config = Config(endpoints);
  config.passive_health.failures = 2;
  return config;
}

// An upstream with what it logs.
struct World {
  explicit World(const conf::Upstream& config) : upstream(core::MakeRef<Upstream>(config, 1)) {}
  // A reload.
  void Change(const conf::Upstream& config) {
    const auto before = upstream;
    upstream = core::MakeRef<Upstream>(config, 1, before.get());
    if (upstream->pool() == before->pool()) upstream->PutInForce(*before, kStart);
  }

  UpstreamHealth& health() { return upstream->pool()->health(); }
  Endpoint& endpoint(size_t index) { return upstream->queue().ShareSet()->endpoint(index); }
  // Returns true if the sessions of the endpoint are to be reset.
  bool Check(size_t index, bool passed) {
    return health().Checked(endpoint(index), passed, passed ? "connected" : "refused", kStart,
                            kStart, events);
  }
  void Fail(size_t index, Failure failure = Failure::kConnect, Instant now = kStart) {
    health().OnFailure(endpoint(index), failure, "refused", now, events);
  }
  void Eject(size_t index, Instant now = kStart) {
    for (int i = 0; i < 2; ++i) Fail(index, Failure::kConnect, now);
  }
  // Which endpoints sessions may be given to: "ab" of three, where the third is out.
  std::string Usable() {
    std::string usable;
    const auto set = upstream->queue().ShareSet();
    for (size_t i = 0; i < set->size(); ++i) {
      if (set->endpoint(i).usable()) usable += static_cast<char>('a' + i);
    }
    EXPECT_EQ(upstream->queue().serving(), usable.size());
    return usable;
  }

  Lines lines;
  Events events{lines};
  core::IntrusivePtr<Upstream> upstream;
};

TEST(UpstreamHealth, ATransitionIsLoggedOnceWithItsCause) {
  World world(Checking(2));
  EXPECT_EQ(world.Usable(), "ab");
  for (int i = 0; i < 2; ++i) world.Check(0, false);
  EXPECT_EQ(world.Usable(), "ab");
  EXPECT_EQ(world.lines.Take(), Strings());
  for (int i = 0; i < 5; ++i) world.Check(0, false);
  EXPECT_EQ(world.Usable(), "b");
  EXPECT_EQ(world.lines.Take(),
            Strings{"upstream app: endpoint 10.0.0.1:80 is down: 3 checks in a row failed, the "
                    "last: refused"});
  for (int i = 0; i < 5; ++i) world.Check(0, true);
  EXPECT_EQ(world.Usable(), "ab");
  EXPECT_EQ(world.lines.Take(),
            Strings{"upstream app: endpoint 10.0.0.1:80 is up: 2 checks in a row passed, the last: "
                    "connected"});
}

TEST(UpstreamHealth, OneThatJoinsIsUsableAfterItsFirstGoodCheck) {
  World world(Checking(1));
  world.Change(Checking(3));
  EXPECT_EQ(world.Usable(), "a");
  world.Check(1, true);
  EXPECT_EQ(world.Usable(), "ab");
  world.Check(2, false);
  world.Check(2, true);
  EXPECT_EQ(world.Usable(), "ab");
  world.Check(2, true);
  EXPECT_EQ(world.Usable(), "abc");
}

TEST(UpstreamHealth, WithoutChecksAJoinerIsUsableAtOnce) {
  World world(Passive(1));
  world.Change(Passive(3));
  EXPECT_EQ(world.Usable(), "abc");
}

TEST(UpstreamHealth, AReloadLeavesWhatIsKnown) {
  conf::Upstream config = Checking(2);
  config.passive_health.failures = 2;
  World world(config);
  for (int i = 0; i < 3; ++i) world.Check(0, false);
  world.Eject(1);
  EXPECT_EQ(world.Usable(), "");
  config.queue_timeout = 1s;
  world.Change(config);
  EXPECT_EQ(world.Usable(), "");
  config.balance = conf::Balance::kMaglev;  // other objects
  world.Change(config);
  EXPECT_EQ(world.Usable(), "");
  config.passive_health.failures = 0;  // what is not asked about is forgotten
  world.Change(config);
  EXPECT_EQ(world.Usable(), "b");
  config.health.check = conf::Check::kOff;
  world.Change(config);
  EXPECT_EQ(world.Usable(), "ab");
}

TEST(UpstreamHealth, ChecksThatBeginLeaveThoseThatAreThereUsable) {
  World world(Config(2));
  world.Change(Checking(2));
  EXPECT_EQ(world.Usable(), "ab");
}

TEST(UpstreamHealth, FailuresInARowEject) {
  World world(Passive(2));
  world.Fail(0);
  world.health().OnTaken(world.endpoint(0));
  world.Fail(0);
  EXPECT_EQ(world.Usable(), "ab");
  world.Fail(0, Failure::kReset);
  EXPECT_EQ(world.Usable(), "b");
  const Strings lines = world.lines.Take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].ends_with("s: 2 failures in a row, the last: refused")) << lines[0];
  (void)world.health().TakeDue(kStart + 26s, world.events);
  EXPECT_EQ(world.Usable(), "b");
  (void)world.health().TakeDue(kStart + 30s, world.events);
  EXPECT_EQ(world.Usable(), "ab");
  EXPECT_EQ(world.lines.Take(), Strings{"upstream app: endpoint 10.0.0.1:80: its ejection is over, "
                                        "it may have sessions again"});
}

TEST(UpstreamHealth, AtMostMaxEjectedAreOutAndAtLeastOne) {
  World world(Passive(5));
  for (size_t i = 0; i < 5; ++i) world.Eject(i);
  EXPECT_EQ(world.Usable(), "cde");
  World lonely(Passive(1));
  lonely.Eject(0);
  EXPECT_EQ(lonely.Usable(), "");
}

TEST(UpstreamHealth, ThatMuchIsLookedAtAgainWithTheNextFailure) {
  World world(Passive(3));
  world.Eject(0);
  world.Eject(1);  // may not be
  EXPECT_EQ(world.Usable(), "bc");
  (void)world.health().TakeDue(kStart + 30s, world.events);
  world.Fail(1, Failure::kConnect, kStart + 30s);
  EXPECT_EQ(world.Usable(), "ac");
}

// Its sessions go on, and fail, whatever serves under that name by now.
TEST(UpstreamHealth, OneThatHasLeftIsNotEjected) {
  World world(Passive(2));
  const EndpointRef left(&world.endpoint(1));
  world.Change(Passive(1));
  for (int i = 0; i < 2; ++i) {
    world.health().OnFailure(*left, Failure::kConnect, "refused", kStart, world.events);
  }
  EXPECT_EQ(world.lines.Take(), Strings());
}

TEST(UpstreamHealth, WhereTheUpstreamIsGoneNoneIsEjected) {
  World world(Passive(2));
  world.upstream->Retire(kStart);
  world.Eject(0);
  EXPECT_EQ(world.lines.Take(), Strings());
}

TEST(UpstreamHealth, NothingIsSaidOfOneThatHasLeft) {
  conf::Upstream config = Checking(2);
  config.health.on_down = conf::OnDown::kReset;
  config.agent.port = 9999;
  World world(config);
  const EndpointRef left(&world.endpoint(1));
  config.endpoints.pop_back();
  world.Change(config);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(world.health().Checked(*left, false, "refused", kStart, kStart, world.events));
    world.health().AgentSaid(*left, i < 2 ? "down" : "what", kStart, kStart, world.events);
  }
  EXPECT_EQ(world.lines.Take(), Strings());
}

TEST(UpstreamHealth, APanicUsesThoseThatAreEjectedAndNoneThatFailedItsCheck) {
  conf::Upstream config = Checking(4);
  config.passive_health = {.failures = 2, .max_ejected = 100};
  config.panic = 75;
  World world(config);
  world.Eject(0);
  EXPECT_EQ(world.Usable(), "bcd");
  (void)world.lines.Take();
  for (int i = 0; i < 3; ++i) world.Check(3, false);
  EXPECT_EQ(world.Usable(), "abc");
  EXPECT_EQ(world.lines.Take().at(1),
            "upstream app: panic: fewer than 75 % of the endpoints are usable: those that are "
            "ejected are used again");
  config.panic_ignores_checks = true;
  world.Change(config);
  EXPECT_EQ(world.Usable(), "abcd");
  for (int i = 0; i < 2; ++i) world.Check(3, true);
  EXPECT_EQ(world.Usable(), "bcd");
  EXPECT_EQ(world.lines.Take().at(1), "upstream app: the panic is over");
}

TEST(UpstreamHealth, EachIsCheckedOncePerInterval) {
  World world(Checking(2));
  size_t checks = 0;
  for (Instant now = kStart; now < kStart + 60s; now += 10ms) {
    const UpstreamHealth::Due due = world.health().TakeDue(now, world.events);
    EXPECT_GT(due.next_at, now);
    for (const EndpointRef& each : due.endpoints) {
      ++checks;
      (void)world.health().Checked(*each, true, "", now, now + 1ms, world.events);
    }
  }
  EXPECT_GE(checks, 55u);
  EXPECT_LE(checks, 65u);
}

// On a busy worker each check begins later than it is due; that does not add up.
TEST(UpstreamHealth, LateChecksComeAsOften) {
  World world(Checking(2));
  size_t checks = 0;
  std::vector<std::pair<Instant, EndpointRef>> late;
  for (Instant now = kStart; now < kStart + 60s; now += 10ms) {
    UpstreamHealth::Due due = world.health().TakeDue(now, world.events);
    for (EndpointRef& each : due.endpoints) late.emplace_back(now + 500ms, std::move(each));
    while (!late.empty() && late.front().first <= now) {
      ++checks;
      (void)world.health().Checked(*late.front().second, true, "", now, now + 1ms, world.events);
      late.erase(late.begin());
    }
  }
  EXPECT_GE(checks, 55u);
  EXPECT_LE(checks, 65u);
}

TEST(UpstreamHealth, EachIsGivenOutForOneCheckAtATime) {
  World world(Checking(2));
  (void)world.health().TakeDue(kStart, world.events);
  const UpstreamHealth::Due due = world.health().TakeDue(kStart + 10s, world.events);
  ASSERT_EQ(due.endpoints.size(), 2u);
  EXPECT_TRUE(world.health().TakeDue(kStart + 1h, world.events).endpoints.empty());
  world.Check(1, true);
  world.health().NotChecked(world.endpoint(0), kStart + 1h);
  const UpstreamHealth::Due again = world.health().TakeDue(kStart + 1h, world.events);
  ASSERT_EQ(again.endpoints.size(), 1u);
  EXPECT_EQ(again.endpoints[0].get(), &world.endpoint(1));
  EXPECT_EQ(again.next_at, kStart + 1h + 100ms);
}

// Whatever happens: an endpoint that is down by its check gets no session, no more than max_ejected
// are out for what sessions meet, and none stays out for ever.
TEST(UpstreamHealth, KeepsItsPromises) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    conf::Upstream config = Checking(5);
    config.passive_health.failures = 2;
    config.panic = seed % 2 == 0 ? 60 : 0;
    World world(config);
    Instant now = kStart;
    for (uint64_t i = 0; i < 400; ++i) {
      const uint64_t chance = core::Mix(seed * 1000 + i);
      const size_t index = (chance >> 8) % 5;
      now += core::Duration(static_cast<int64_t>(chance >> 16) & 0xfff'ffff);
      switch (chance % 5) {
        case 0:
          world.Check(index, true);
          break;
        case 1:
          world.Check(index, false);
          break;
        case 2:
          (void)world.health().TakeDue(now, world.events);
          break;
        case 3:
          world.health().OnAnswered(world.endpoint(index));
          break;
        default:
          world.Fail(index, Failure::kReset, now);
      }
      int ejected = 0;
      for (size_t each = 0; each < 5; ++each) {
        const Endpoint& endpoint = world.endpoint(each);
        ASSERT_EQ(endpoint.out(), endpoint.health()->out());
        if (!endpoint.health()->check.is_up()) ASSERT_FALSE(endpoint.usable()) << seed;
        if (endpoint.health()->outlier.is_ejected()) ++ejected;
      }
      ASSERT_LE(ejected, 2) << seed;
    }
    for (size_t each = 0; each < 5; ++each) {
      for (int i = 0; i < 2; ++i) world.Check(each, true);
    }
    (void)world.health().TakeDue(now + 10min, world.events);
    ASSERT_EQ(world.Usable(), "abcde") << seed;
  }
}

}  // namespace
}  // namespace sluice::proxy
