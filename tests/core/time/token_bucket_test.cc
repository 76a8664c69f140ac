#include "core/time/token_bucket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::core {
namespace {

constexpr Instant kStart(1000s);

// What a bucket lets through when it is asked every `step` for `span`.
uint64_t TakenWithin(TokenBucket& bucket, Duration span, Duration step) {
  uint64_t taken = 0;
  for (Instant now = kStart; now < kStart + span; now += step) {
    while (bucket.TryTake(now) == 0s) ++taken;
  }
  return taken;
}

TEST(TokenBucket, ZeroMeansNoLimit) {
  TokenBucket bucket(0);
  EXPECT_FALSE(bucket.limited());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(bucket.TryTake(kStart), 0s);
  EXPECT_EQ(bucket.Take(kStart, 1 << 30), 0s);
  bucket.GiveBack();
  EXPECT_EQ(bucket.TryTake(kStart), 0s);
}

TEST(TokenBucket, RatePlusABurst) {
  for (const uint64_t rate : {1, 7, 20, 100, 1000, 1'000'000}) {
    TokenBucket bucket(rate);
    const uint64_t burst = std::max<uint64_t>(1, rate / 20);
    EXPECT_NEAR(static_cast<double>(TakenWithin(bucket, 1s, 1ms)),
                static_cast<double>(rate + burst), 1.0 + static_cast<double>(rate) / 500)
        << rate << "/s";
  }
}

TEST(TokenBucket, SaysWhenToTryAgain) {
  TokenBucket bucket(10);
  EXPECT_EQ(bucket.TryTake(kStart), 0s);
  const Duration wait = bucket.TryTake(kStart);
  EXPECT_EQ(wait, 100ms);
  EXPECT_GT(bucket.TryTake(kStart + wait - 1ns), 0s);
  EXPECT_EQ(bucket.TryTake(kStart + wait), 0s);
}

TEST(TokenBucket, IdlenessSavesNoMoreThanABurst) {
  TokenBucket bucket(100);
  EXPECT_EQ(bucket.TryTake(kStart), 0s);
  uint64_t burst = 0;
  while (bucket.TryTake(kStart + 1h) == 0s) ++burst;
  EXPECT_EQ(burst, 5u);
}

TEST(TokenBucket, WhatIsGivenBackCanBeTakenAgain) {
  TokenBucket bucket(1);
  EXPECT_EQ(bucket.TryTake(kStart), 0s);
  EXPECT_GT(bucket.TryTake(kStart), 0s);
  bucket.GiveBack();
  EXPECT_EQ(bucket.TryTake(kStart), 0s);
}

TEST(TokenBucket, TakersAheadOfTheRateWaitInTurn) {
  TokenBucket bucket(1000);
  Duration last{0};
  for (int i = 0; i < 100; ++i) {
    const Duration wait = bucket.Take(kStart, 100);  // 100 ms' worth each
    EXPECT_GE(wait, last);
    last = wait;
  }
  EXPECT_GE(last, 9840ms);
  EXPECT_LE(last, 9960ms);
}

TEST(TokenBucket, ExactUnderAStorm) {
  TokenBucket bucket(2000);
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { taken += TakenWithin(bucket, 1s, 1ms); });
  }
  for (std::thread& thread : threads) thread.join();
  // The threads' clocks are not in step: one that runs ahead finds the bucket full later.
  EXPECT_LE(taken, 2000u + 100 + 1);
  EXPECT_GE(taken, 1900u);
}

}  // namespace
}  // namespace sluice::core
