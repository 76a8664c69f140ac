// Ring: first in, first out, across its end; nothing is leaked or destroyed twice.
#include "core/sync/ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <utility>

#include "tests/core/support/counted.h"
#include "tests/core/support/seed.h"

namespace sluice::core::internal {
namespace {

using core::testing::MoveOnly;
using core::testing::ValueCounts;

TEST(RingTest, DoesWhatADequeDoes) {
  std::mt19937_64 random(core::testing::Seed());
  ValueCounts counts;
  Ring<MoveOnly> ring(5);
  std::deque<int> expected;
  for (int step = 0; step < 20'000; ++step) {
    ASSERT_EQ(ring.size(), expected.size());
    ASSERT_EQ(counts.alive, static_cast<int>(expected.size()));
    const bool push = random() % 2 == 0;
    if (push && expected.size() < 5) {
      ring.Push(MoveOnly(counts, step));
      expected.push_back(step);
    } else if (!push && !expected.empty()) {
      ASSERT_EQ(ring.Pop().number(), expected.front());
      expected.pop_front();
    }
  }
}

TEST(RingTest, WhatIsLeftGoesWithIt) {
  ValueCounts counts;
  Ring<MoveOnly> other;
  {
    Ring<MoveOnly> ring(3);
    for (int i = 0; i < 3; ++i) ring.Push(MoveOnly(counts, i));
    (void)ring.Pop();
    ring.Push(MoveOnly(counts, 3));
    ring.swap(other);
  }
  EXPECT_EQ(counts.alive, 3);
  {
    Ring<MoveOnly> ring;
    ring.swap(other);
  }
  EXPECT_EQ(counts.alive, 0);
}

}  // namespace
}  // namespace sluice::core::internal
