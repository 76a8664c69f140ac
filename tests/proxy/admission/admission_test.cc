#include "proxy/admission/admission.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::proxy {
namespace {

constexpr core::Nanos kNow = 5 * core::kSecond;

core::Address Client() {
  core::Address address;
  address.ipv4.sin_family = AF_INET;
  address.ipv4.sin_addr.s_addr = htonl(0xC0000201);
  address.size = sizeof(address.ipv4);
  return address;
}

// A listener with one limit of each kind, each the tightest in turn.
class AdmissionTest : public ::testing::Test {
 protected:
  Refusal RefusedAfter(size_t admitted) {
    Admission admission(listener, all, all_is_full, all_rate, reserve);
    std::vector<Verdict> verdicts;
    for (;;) {
      verdicts.push_back(admission.Try(Client(), kNow));
      if (verdicts.back().refusal != Refusal::kNone) break;
    }
    EXPECT_EQ(verdicts.size() - 1, admitted);
    return verdicts.back().refusal;
  }

  conf::Listener listener;
  ConnectionLimit all{100};
  Refusal all_is_full = Refusal::kConnections;
  core::TokenBucket all_rate{0};
  bool malloc_works = true;
  HeapReserve reserve{size_t{1} << 20, [this] { return malloc_works; }};
};

TEST_F(AdmissionTest, AllConnections) { EXPECT_EQ(RefusedAfter(100), Refusal::kConnections); }

TEST_F(AdmissionTest, WhatTheBuffersServe) {
  all_is_full = Refusal::kBuffers;
  EXPECT_EQ(RefusedAfter(100), Refusal::kBuffers);
}

TEST_F(AdmissionTest, ConnectionsOfTheListener) {
  listener.max_connections = 9;
  EXPECT_EQ(RefusedAfter(9), Refusal::kListener);
}

TEST_F(AdmissionTest, ConnectionsOfTheSource) {
  listener.per_source.max_connections = 4;
  EXPECT_EQ(RefusedAfter(4), Refusal::kSource);
}

TEST_F(AdmissionTest, NewConnectionsPerSecond) {
  listener.new_connections = 60;  // 3 at once
  EXPECT_EQ(RefusedAfter(3), Refusal::kRate);
}

TEST_F(AdmissionTest, Memory) {
  listener.per_source.max_connections = 1;
  Admission admission(listener, all, all_is_full, all_rate, reserve);
  malloc_works = false;
  void* block = reserve.Allocate(1);
  const Verdict refused = admission.Try(Client(), kNow);
  EXPECT_EQ(refused.refusal, Refusal::kMemory);
  EXPECT_EQ(refused.retry_in, HeapReserve::kRetry);
  malloc_works = true;
  EXPECT_EQ(admission.Try(Client(), kNow + refused.retry_in).refusal, Refusal::kNone)
      << "nothing was taken";
  EXPECT_TRUE(reserve.Free(block));
}

// A crowd over the rate holds no slot, not even for a moment: whoever looks at the same time finds
// the last one free.
TEST_F(AdmissionTest, WhoIsOverTheRateTakesNoSlot) {
  constexpr int kRounds = 20000;
  ConnectionLimit two(2);
  core::TokenBucket none(1);
  ASSERT_EQ(none.TryTake(kNow), 0);
  Admission hurried(listener, two, all_is_full, none, reserve);
  Admission calm(listener, two, all_is_full, all_rate, reserve);
  const Verdict held = calm.Try(Client(), kNow);
  ASSERT_EQ(held.refusal, Refusal::kNone);
  std::atomic<bool> done{false};
  std::thread crowd([&] {
    // The other thread may have the last slot just then: that is said first.
    while (!done.load()) EXPECT_NE(hurried.Try(Client(), kNow).refusal, Refusal::kNone);
  });
  int refused = 0;
  for (int i = 0; i < kRounds; ++i) {
    if (calm.Try(Client(), kNow).refusal != Refusal::kNone) ++refused;
  }
  done.store(true);
  crowd.join();
  EXPECT_EQ(refused, 0);
}

// Nor does one who finds no slot use up the rate.
TEST_F(AdmissionTest, WhoFindsNoSlotTakesNothingOfTheRate) {
  listener.max_connections = 1;
  listener.new_connections = 20;  // one at once
  core::TokenBucket one_at_once(20);
  Admission admission(listener, all, all_is_full, one_at_once, reserve);
  {
    const Verdict first = admission.Try(Client(), kNow);
    ASSERT_EQ(first.refusal, Refusal::kNone);
    const core::Nanos later = kNow + 50 * core::kMillisecond;
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(admission.Try(Client(), later).refusal, Refusal::kListener);
    }
    EXPECT_EQ(one_at_once.TryTake(later), 0) << "it is still there";
    one_at_once.GiveBack();
  }
  EXPECT_EQ(admission.Try(Client(), kNow + 50 * core::kMillisecond).refusal, Refusal::kNone);
}

TEST_F(AdmissionTest, RefusedTakesNothing) {
  core::TokenBucket slow(1);
  listener.per_source.max_connections = 2;
  listener.max_connections = 2;
  Admission admission(listener, all, all_is_full, slow, reserve);
  Verdict first = admission.Try(Client(), kNow);
  ASSERT_EQ(first.refusal, Refusal::kNone);
  for (int i = 0; i < 5; ++i) {
    const Verdict refused = admission.Try(Client(), kNow);
    EXPECT_EQ(refused.refusal, Refusal::kRate);
    EXPECT_EQ(refused.retry_in, core::kSecond);
  }
  EXPECT_EQ(all.count(), 1u);
  Verdict second = admission.Try(Client(), kNow + core::kSecond);
  EXPECT_EQ(second.refusal, Refusal::kNone) << "the places were given back";
  EXPECT_EQ(admission.Try(Client(), kNow + 9 * core::kSecond).refusal, Refusal::kSource);
}

}  // namespace
}  // namespace sluice::proxy
