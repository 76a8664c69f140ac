// The rounds of a worker (worker.h): what ends one, and whose turn it is in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/core/sched/stepped.h"

namespace sluice::core::testing {
namespace {

// Steps `count` times a worker with bulk tasks, and one small one that the reactor wakes in every
// turn: how many bulk runs it had to wait for at most.
class BesideBulkTest : public RoundsTest {
 protected:
  void Count(int streams, std::function<void(Job&)> bulk) {
    for (int i = 0; i < streams; ++i) {
      bulk_.push_back(&Add([this, bulk](Job& job) {
        ++waited_;
        bulk(job);
      }));
    }
    Job& talk = Add([this](Job&) {
      most_ = std::max(most_, waited_);
      ++talks_;
    });
    Steps(4 * streams);  // until each has run and shown what it is
    most_ = talks_ = 0;
    for (Job* each : bulk_) each->runs = 0;
    reactor_->script = [this, &talk](uint32_t limit) {
      uint64_t came = 0;
      for (Job* each : bulk_) came += came < limit && each->WakeUp() ? 1 : 0;
      if (talk.WakeUp()) {
        ++came;
        waited_ = 0;
      }
      return came;
    };
    Steps(40 * streams);
    for (const Job* each : bulk_) {
      fewest_ = std::min(fewest_, each->runs);
      largest_ = std::max(largest_, each->runs);
    }
  }

  std::vector<Job*> bulk_;
  int waited_ = 0;  // runs of bulk since the small task was woken
  int most_ = 0;
  int talks_ = 0;
  int fewest_ = 1'000'000;
  int largest_ = 0;
};

TEST_F(BesideBulkTest, WhatUsedUpItsBudgetGoesLast) {
  Count(50, [](Job& job) {
    CopyLargeBuffer(job);
    job.GoOn();
  });
  EXPECT_LE(most_, 1);
  EXPECT_GT(talks_, 500);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// Each waits for its peer after every buffer: it gives way by itself, and the reactor wakes it.
TEST_F(BesideBulkTest, SoDoesWhatTheReactorWakesAfterALargeRun) {
  Count(50, [](Job& job) { job.ConsumeBudgetForBytes(256 << 10); });
  EXPECT_LE(most_, 2);  // two such runs are a round
  EXPECT_GT(talks_, 300);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// More of them than the run queue holds.
TEST_F(BesideBulkTest, AsManyAsOneLikes) {
  Count(1000, [](Job& job) {
    CopyLargeBuffer(job);
    job.GoOn();
  });
  EXPECT_LE(most_, 1);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// Small tasks that are always there, more than a worker can do.
TEST_F(RoundsTest, AFloodOfSmallTasksDoesNotStarveLargeOnes) {
  int small_runs = 0;
  int most = 0;
  std::vector<Job*> bulk;
  for (int i = 0; i < 3; ++i) {
    bulk.push_back(&Add([&](Job& job) {
      most = std::max(most, std::exchange(small_runs, 0));
      CopyLargeBuffer(job);
      job.GoOn();
    }));
  }
  std::vector<Job*> small;
  for (int i = 0; i < 200; ++i) small.push_back(&Add([&small_runs](Job&) { ++small_runs; }));
  reactor_->script = [&small](uint32_t limit) {
    uint64_t came = 0;
    for (Job* each : small) came += came < limit && each->WakeUp() ? 1 : 0;
    return came;
  };
  Steps(500);
  most = 0;
  for (Job* each : bulk) each->runs = 0;
  Steps(20'000);
  EXPECT_LE(most, 2 * 61);
  EXPECT_GE(most, 30);  // nor the other way round
  for (const Job* each : bulk) EXPECT_LE(std::abs(each->runs - bulk[0]->runs), 1);
}

// Counts the tasks between two turns of the reactor while many wait that each do `work`.
class RoundLengthTest : public RoundsTest {
 protected:
  int Longest(const std::function<void(Job&)>& work) {
    int tasks = 0;
    int longest = 0;
    for (int i = 0; i < 200; ++i) {
      Add([&tasks, work](Job& job) {
        ++tasks;
        work(job);
      });
    }
    reactor_->script = [&](uint32_t) {
      longest = std::max(longest, std::exchange(tasks, 0));
      return 0;
    };
    Steps(200);
    return longest;
  }
};

TEST_F(RoundLengthTest, SmallTasks) {
  EXPECT_EQ(Longest([](Job&) {}), 61);
}
TEST_F(RoundLengthTest, ByBytes) {
  EXPECT_LE(Longest([](Job& job) { job.ConsumeBudgetForBytes(100'000); }), 5);
}
TEST_F(RoundLengthTest, ByTime) {
  EXPECT_LE(Longest([this](Job&) { clock_.Advance(100us); }), 16);
}

}  // namespace
}  // namespace sluice::core::testing
