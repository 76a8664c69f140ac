// HeapReserve::Free tells by two bounds, read without a lock, whether a block may be the reserve's:
// it never takes one of the reserve's for malloc's, though the bounds move meanwhile.
//
// The bounds, MakeWhole, Allocate and Free are transcribed; addresses are numbers.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kSize = 100;

struct Mistakes {
  bool maps_first = false;        // others may allocate before the bounds enclose it
  bool narrows = false;           // a region that goes takes its bounds with it
  bool hands_on_relaxed = false;  // not the reserve's: a block passed on without an order
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {}

  // A region at `begin`, for the thread that allocates next.
  void MakeWhole(uint64_t begin) {
    mutex.Lock();
    regions.push_back(begin);
    if (mistakes.maps_first) {
      mutex.Unlock();
      mutex.Lock();
    }
    low.store(std::min(low.load(kRelaxed), begin), kRelaxed);
    high.store(std::max(high.load(kRelaxed), begin + kSize), kRelaxed);
    mutex.Unlock();
  }
  // The newest region's, or 0.
  uint64_t Allocate() {
    mutex.Lock();
    const uint64_t block = regions.empty() ? 0 : regions.back() + 1;
    mutex.Unlock();
    return block;
  }
  void Unmap(uint64_t begin) {
    mutex.Lock();
    std::erase(regions, begin);
    if (mistakes.narrows && !regions.empty()) {
      low.store(regions.front(), kRelaxed);
      high.store(regions.front() + kSize, kRelaxed);
    }
    mutex.Unlock();
  }
  bool MayBeOurs(uint64_t block) {
    return block >= low.load(kRelaxed) && block < high.load(kRelaxed);
  }

  const Mistakes mistakes;
  ModelMutex mutex;
  std::vector<uint64_t> regions;
  core::Atomic<uint64_t> low{UINT64_MAX};
  core::Atomic<uint64_t> high{0};
  core::Atomic<uint64_t> handed{0};
};

// A second region is mapped, below the first or above it; one thread allocates in whatever there is
// and hands the block to another, which frees it.
Model Freed(uint64_t second, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    s.MakeWhole(1000);
    run.Thread("maps", [&s, second] { s.MakeWhole(second); });
    run.Thread("allocates", [&s, mistakes] {
      const uint64_t block = s.Allocate();
      s.handed.store(block, mistakes.hands_on_relaxed ? kRelaxed : std::memory_order_release);
    });
    run.Thread("frees", [&s] {
      const uint64_t block = s.handed.load(std::memory_order_acquire);
      SLUICE_CHECK(block == 0 || s.MayBeOurs(block));
    });
  };
}

TEST(HeapBounds, RegionBelow) { ExpectHolds(Freed(500)); }
TEST(HeapBounds, RegionAbove) { ExpectHolds(Freed(2000)); }

TEST(HeapBoundsMutant, MapsFirst) { ExpectFails(Freed(500, {.maps_first = true})); }
TEST(HeapBoundsMutant, HandedOnWithoutOrder) {
  ExpectFails(Freed(2000, {.hands_on_relaxed = true}));
}

// A region goes while a thread still has a block of another one.
Model Unmapped(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    s.MakeWhole(1000);
    s.MakeWhole(2000);
    const uint64_t block = s.Allocate();
    s.MakeWhole(3000);
    run.Thread("unmaps", [&s] { s.Unmap(3000); });
    run.Thread("frees", [&s, block] { SLUICE_CHECK(s.MayBeOurs(block)); });
  };
}

TEST(HeapBounds, Unmapped) { ExpectHolds(Unmapped()); }
TEST(HeapBoundsMutant, BoundsThatNarrow) { ExpectFails(Unmapped({.narrows = true})); }

}  // namespace
}  // namespace sluice::model
