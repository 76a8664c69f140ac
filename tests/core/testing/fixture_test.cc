// The fixtures for GoogleTest: they pass what is right, and what they find fails the test.
#include "core/testing/fixture.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/base/check.h"
#include "core/runtime/spawn.h"
#include "core/sync/event.h"
#include "core/task/yield.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core::testing {
namespace {

class AloneTest : public OneWorkerTest {};
TEST_F(AloneTest, TimeIsPaused) {
  Run([this]() -> Task<void> {
    const Instant before = Now();
    EXPECT_TRUE(co_await Sleep(24h));
    EXPECT_EQ(Now() - before, 24h);
    EXPECT_EQ(RuntimeHandle::Current().workers(), 1u);
    EXPECT_EQ(&bed().clock(), &clock());
  });
}

class TogetherTest : public SeveralWorkersTest {};
TEST_F(TogetherTest, HasSeveralWorkers) {
  Run([]() -> Task<void> {
    EXPECT_EQ(RuntimeHandle::Current().workers(), 3u);
    EXPECT_TRUE(co_await Sleep(24h));
  });
}

// A fixture that is used by hand, to see it fail.
class ByHand final : public OneWorkerTest {
 public:
  void TestBody() override {}
  void Leak() {
    Run([this]() -> Task<void> {
      Spawn([this]() -> Task<void> { (void)co_await event_.Wait(); }).Detach();
      co_return;
    });
  }
  void Stick() {
    Run([this]() -> Task<void> { (void)co_await event_.Wait(); });
  }
  void End() { TearDown(); }

 private:
  Event event_;
};
TEST(FixtureTest, WhatIsLeftFailsTheTest) {
  ByHand test;
  test.Leak();
  EXPECT_NONFATAL_FAILURE(test.End(), "1 task is left");
}
TEST(FixtureTest, WhatCannotEndFailsTheTest) {
  ByHand test;
  EXPECT_NONFATAL_FAILURE(test.Stick(), "cannot end");
  test.End();
}

TEST(ForEachSeedTest, RunsEachSeedOrTheOneOfTheEnvironment) {
  std::vector<uint64_t> seeds;
  const auto note = [&seeds](uint64_t seed) { seeds.push_back(seed); };
  unsetenv("SLUICE_SEED");
  ForEachSeed(3, note);
  setenv("SLUICE_SEED", "17", 1);
  ForEachSeed(3, note);
  unsetenv("SLUICE_SEED");
  EXPECT_EQ(seeds, (std::vector<uint64_t>{1, 2, 3, 17}));
}
TEST(ForEachSeedDeathTest, TellsTheSeedWhenTheProcessEnds) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  unsetenv("SLUICE_SEED");
  EXPECT_DEATH(ForEachSeed(9, [](uint64_t seed) { SLUICE_CHECK(seed != 5); }),
               "SLUICE_SEED=5 runs this order again");
}

// Finds an order in which an unlucky program goes wrong, and runs it again by its seed.
Task<void> ReadModifyWrite(int& count) {
  const int before = count;
  co_await core::Yield();
  count = before + 1;
}
int CountOf(uint64_t seed) {
  int count = 0;
  RunShuffled(seed, [&count]() -> Task<void> {
    JoinHandle<void> first = Spawn(ReadModifyWrite(count));
    JoinHandle<void> second = Spawn(ReadModifyWrite(count));
    (void)co_await std::move(first);
    (void)co_await std::move(second);
  });
  return count;
}
TEST(ForEachSeedTest, AnOrderThatGoesWrongIsFoundAndFoundAgain) {
  std::vector<uint64_t> wrong;
  std::vector<uint64_t> right;
  ForEachSeed(40, [&](uint64_t seed) { (CountOf(seed) == 2 ? right : wrong).push_back(seed); });
  ASSERT_FALSE(wrong.empty());
  ASSERT_FALSE(right.empty());
  EXPECT_EQ(CountOf(wrong.front()), 1);
  EXPECT_EQ(CountOf(right.front()), 2);
}

}  // namespace
}  // namespace sluice::core::testing
