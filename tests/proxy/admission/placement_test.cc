#include "proxy/admission/placement.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::proxy {
namespace {

WorkerShare Arrive(Placement& placement, uint32_t here) {
  return placement.Take(placement.Choose(here));
}

TEST(PlacementTest, OneWorkerTakesAll) {
  Placement placement(1);
  std::vector<WorkerShare> shares;
  for (int i = 0; i < 100; ++i) shares.push_back(Arrive(placement, 0));
  EXPECT_EQ(placement.sessions(0), 100u);
}

// Long-lived and busy, as a few often are, they would share one processor beside an idle one.
TEST(PlacementTest, FewAreSpreadEvenly) {
  for (uint32_t workers : {2u, 3u, 4u}) {
    Placement placement(workers);
    std::vector<WorkerShare> shares;
    for (uint32_t i = 0; i < workers; ++i) shares.push_back(Arrive(placement, 1));
    for (uint32_t i = 0; i < workers; ++i) EXPECT_EQ(placement.sessions(i), 1u) << workers;
  }
}

TEST(PlacementTest, OneAfterTheOtherStaysWhereItArrives) {
  Placement placement(2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(placement.Choose(1), 1u);
    const WorkerShare gone_at_once = placement.Take(1);
  }
}

// Whatever worker the kernel prefers, no two differ by more than an eighth (and a few).
TEST(PlacementTest, ManyAreSpread) {
  for (uint32_t workers : {2u, 3u, 8u}) {
    Placement placement(workers);
    std::vector<WorkerShare> shares;
    for (int i = 0; i < 4000; ++i) shares.push_back(Arrive(placement, 1));
    const uint32_t most = placement.sessions(1);
    for (uint32_t i = 0; i < workers; ++i) {
      EXPECT_LE(placement.sessions(i), most);
      EXPECT_LE(most, placement.sessions(i) + most / 8 + 6) << workers << " workers";
    }
  }
}

TEST(PlacementTest, WhoArrivesEvenlyIsNotMoved) {
  Placement placement(2);
  std::vector<WorkerShare> shares;
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(placement.Choose(i % 2), i % 2);
    shares.push_back(placement.Take(i % 2));
  }
}

TEST(PlacementTest, ThoseWhoEndAreCountedNoMore) {
  Placement placement(2);
  {
    std::vector<WorkerShare> shares;
    for (int i = 0; i < 100; ++i) shares.push_back(Arrive(placement, 0));
    WorkerShare moved = std::move(shares.back());
    shares.pop_back();
    EXPECT_EQ(placement.sessions(0) + placement.sessions(1), 100u);
    moved = WorkerShare();
    EXPECT_EQ(placement.sessions(0) + placement.sessions(1), 99u);
  }
  EXPECT_EQ(placement.sessions(0) + placement.sessions(1), 0u);
}

}  // namespace
}  // namespace sluice::proxy
