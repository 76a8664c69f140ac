// Events: what readers get of them, also those that come late.
#include "proxy/observe/events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

using core::LogLevel;

class Lines final : public core::Logger {
 public:
  explicit Lines(LogLevel level) : Logger(level) {}
  void Write(LogLevel, std::string_view line) override { all.emplace_back(line); }
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }

  std::vector<std::string> all;
};

std::vector<uint64_t> Ids(const Events::Page& page) {
  std::vector<uint64_t> ids;
  for (const Event& each : page.events) ids.push_back(each.id);
  return ids;
}

void Tell(Events& events, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    events.Keep({EventKind::kServer}, LogLevel::kInfo, std::to_string(i));
  }
}

using Numbers = std::vector<uint64_t>;

TEST(Events, AreLinesOfTheLogAndAreKeptWhateverItsLevel) {
  Lines lines(LogLevel::kWarn);
  Events events(lines);
  events.Tell({EventKind::kHealth, "app", "a"}, LogLevel::kWarn, "%s is %s", "a", "down");
  events.Tell({.kind = EventKind::kAdmin, .who = "uid 0, pid 1"}, LogLevel::kInfo, "killed");
  EXPECT_EQ(lines.all, std::vector<std::string>{"a is down"});
  const Events::Page page = events.Last(10);
  ASSERT_EQ(page.events.size(), 2u);
  const Event& down = page.events[0];
  EXPECT_EQ(down.id, 1u);
  EXPECT_EQ(down.kind, EventKind::kHealth);
  EXPECT_EQ(down.level, LogLevel::kWarn);
  EXPECT_EQ(down.upstream + "/" + down.endpoint + ": " + down.text, "app/a: a is down");
  EXPECT_EQ(page.events[1].who, "uid 0, pid 1");
  EXPECT_GE(page.events[1].at, down.at);
}

TEST(Events, AReaderAsksWithTheLastNumberThatItHas) {
  Lines lines(LogLevel::kOff);
  Events events(lines);
  EXPECT_EQ(Ids(events.After(0, 10)), Numbers());
  EXPECT_EQ(events.After(0, 10).last, 0u);
  Tell(events, 5);
  EXPECT_EQ(Ids(events.After(0, 10)), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(Ids(events.After(3, 10)), (Numbers{4, 5}));
  const Events::Page some = events.After(1, 2);
  EXPECT_EQ(Ids(some), (Numbers{2, 3}));
  EXPECT_EQ(some.last, 3u) << "the next question continues there";
  EXPECT_EQ(Ids(events.After(5, 10)), Numbers());
  EXPECT_EQ(events.After(5, 10).last, 5u);
  EXPECT_EQ(Ids(events.After(99, 10)), Numbers()) << "a number that has never been";
  EXPECT_EQ(Ids(events.After(UINT64_MAX, 10)), Numbers());
  EXPECT_EQ(Ids(events.Last(2)), (Numbers{4, 5}));
}

TEST(Events, WhoComesLateIsToldHowManyHaveGone) {
  Lines lines(LogLevel::kOff);
  Events events(lines);
  Tell(events, Events::kMost);
  EXPECT_EQ(events.After(1, 10).lost, 0u);
  Tell(events, 10);  // 11 is the oldest
  const Events::Page late = events.After(4, 3);
  EXPECT_EQ(late.lost, 6u);
  EXPECT_EQ(Ids(late), (Numbers{11, 12, 13}));
  EXPECT_EQ(events.After(10, 3).lost, 0u);
  EXPECT_EQ(Ids(events.After(10, 1)), Numbers{11});
  EXPECT_EQ(events.After(11, 3).lost, 0u);
  EXPECT_EQ(Ids(events.After(11, 1)), Numbers{12});
  EXPECT_EQ(events.After(0, 1).lost, 10u);
  EXPECT_EQ(events.After(0, 2 * Events::kMost).events.size(), Events::kMost);
}

TEST(Events, ManyLinesAreFewEvents) {
  Lines lines(LogLevel::kInfo);
  Events events(lines);
  std::vector<std::string> all;
  for (int i = 0; i < 25; ++i) all.push_back(std::to_string(i));
  events.TellLines({EventKind::kReload}, LogLevel::kError, all);
  EXPECT_EQ(lines.all, all);
  const Events::Page page = events.Last(100);
  ASSERT_EQ(page.events.size(), 21u);
  EXPECT_EQ(page.events[19].text, "19");
  EXPECT_EQ(page.events[20].text, "and 5 more lines in the log");
  all.resize(20);
  events.TellLines({EventKind::kReload}, LogLevel::kError, all);
  EXPECT_EQ(events.Last(100).events.size(), 41u);
}

TEST(Events, TextsAreCut) {
  Lines lines(LogLevel::kOff);
  Events events(lines);
  const std::string most(Events::kMostText, 'x');
  events.Keep({EventKind::kServer, most + "y"}, LogLevel::kInfo, most);
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "\u00e4";
  events.Keep({EventKind::kServer}, LogLevel::kInfo, umlauts);
  const Events::Page page = events.Last(2);
  EXPECT_EQ(page.events[0].text, most);
  EXPECT_EQ(page.events[0].upstream, most.substr(3) + "...");
  EXPECT_EQ(page.events[1].text, umlauts.substr(0, 508) + "...") << "no half of a character";
}

TEST(Events, FromManyThreadsNoneIsLost) {
  Lines lines(LogLevel::kOff);
  Events events(lines);
  constexpr size_t kEach = 5000;
  std::vector<std::thread> tellers;
  for (int i = 0; i < 3; ++i) tellers.emplace_back([&] { Tell(events, kEach); });
  uint64_t last = 0;
  uint64_t seen = 0;
  while (last < 3 * kEach) {
    const Events::Page page = events.After(last, 100);
    for (const Event& each : page.events) {
      ASSERT_GT(each.id, last);
      last = each.id;
    }
    seen += page.events.size() + page.lost;
    ASSERT_EQ(seen, last);
  }
  for (std::thread& each : tellers) each.join();
}

}  // namespace
}  // namespace sluice::proxy
