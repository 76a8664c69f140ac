// Interfaces whose methods return tasks, replaced in a test: the cache of core/examples, with an
// origin and a far cache that do what a case wants. By GoogleMock, whose actions may be coroutines,
// or by a class of one's own; time is paused, so a cache that does not answer costs none.
#include "core/examples/two_tier_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "core/sluice.h"
#include "core/testing/fixture.h"

namespace {

namespace core = sluice::core;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using ::testing::_;

class MockOrigin : public Origin {
 public:
  MOCK_METHOD(core::Task<std::string>, Fetch, (std::string key), (override));
};
class MockFarCache : public FarCache {
 public:
  MOCK_METHOD(core::Task<std::optional<std::string>>, Get, (std::string key), (override));
  MOCK_METHOD(core::Task<void>, Put, (std::string key, std::string value), (override));
};

// Actions. The mock takes the call when it is made, and the coroutine runs when it is awaited.
core::Task<std::string> Brew(std::string key) {
  (void)co_await core::Sleep(200ms);
  co_return "hot " + key;
}
core::Task<std::optional<std::string>> HasNothing(std::string) { co_return std::nullopt; }
core::Task<std::optional<std::string>> HasIt(std::string key) { co_return "cold " + key; }
core::Task<std::optional<std::string>> DoesNotAnswer(std::string) {
  (void)co_await core::Sleep(1h);
  co_return std::nullopt;
}
core::Task<void> TakesIt(std::string, std::string) { co_return; }

class TwoTierCacheTest : public core::testing::OneWorkerTest {
 protected:
  // What a Get of it brings, and where it was found; `took`: for how long.
  static core::Task<std::string> Get(TwoTierCache& cache, std::string key, core::Duration took) {
    const core::Instant begin = core::Now();
    Found found = co_await cache.Get(std::move(key));
    EXPECT_EQ(core::Now() - begin, took);
    co_return found.value + " of " + std::string(found.where);
  }

  ::testing::StrictMock<MockOrigin> origin_;
  ::testing::StrictMock<MockFarCache> far_;
  TwoTierCache cache_{/*most=*/2, /*far_time=*/50ms, far_, origin_};
};

TEST_F(TwoTierCacheTest, WhatNeitherHasIsFetchedOnce) {
  EXPECT_CALL(far_, Get("tea")).WillOnce(&HasNothing);
  EXPECT_CALL(origin_, Fetch("tea")).WillOnce(&Brew);
  EXPECT_CALL(far_, Put("tea", "hot tea")).WillOnce(&TakesIt);
  Run([this]() -> core::Task<void> {
    EXPECT_EQ(co_await Get(cache_, "tea", 200ms), "hot tea of origin");
    EXPECT_EQ(co_await Get(cache_, "tea", 0ms), "hot tea of memory");
  });
}

TEST_F(TwoTierCacheTest, WhatTheFarCacheHasIsNotFetched) {
  EXPECT_CALL(far_, Get(_)).Times(4).WillRepeatedly(&HasIt);
  Run([this]() -> core::Task<void> {
    for (const char* key : {"tea", "milk", "water"}) {  // memory holds two
      EXPECT_EQ(co_await Get(cache_, key, 0ms), "cold " + std::string(key) + " of redis");
    }
    EXPECT_EQ(co_await Get(cache_, "water", 0ms), "cold water of memory");
    EXPECT_EQ(co_await Get(cache_, "tea", 0ms), "cold tea of redis");
  });
}

// Without a mock: a class that keeps count.
class SilentCache final : public FarCache {
 public:
  core::Task<std::optional<std::string>> Get(std::string key) override {
    ++asked;
    co_return co_await DoesNotAnswer(std::move(key));
  }
  core::Task<void> Put(std::string, std::string) override {
    ++asked;
    (void)co_await core::Sleep(1h);
  }
  int asked = 0;
};

TEST_F(TwoTierCacheTest, ACacheThatDoesNotAnswerMakesItSlowerAndNoMore) {
  EXPECT_CALL(origin_, Fetch("tea")).WillOnce(&Brew);
  SilentCache silent;
  TwoTierCache cache(2, 50ms, silent, origin_);
  Run([&cache]() -> core::Task<void> {
    EXPECT_EQ(co_await Get(cache, "tea", 50ms + 200ms + 50ms), "hot tea of origin");
    EXPECT_EQ(co_await Get(cache, "tea", 0ms), "hot tea of memory");
  });
  EXPECT_EQ(silent.asked, 2);
}

}  // namespace
