// FrameLedger: the sizes of frames, who made them, and which are left.
#include "core/testing/frame_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/task/task.h"
#include "core/task/yield.h"
#include "tests/core/support/run.h"

namespace sluice::core::testing {

// With external linkage, so that each has a symbol, and out of line.
[[gnu::noinline]] Task<int> HoldsAKilobyte() {
  volatile char page[1024] = {};
  co_await core::Yield();
  co_return page[17];
}
[[gnu::noinline]] Task<int> LetsGoOfAKilobyte() {
  int sum = 0;
  {
    volatile char page[1024] = {};
    sum += page[17];
  }
  co_await core::Yield();
  co_return sum;
}
[[gnu::noinline]] Task<void> AwaitBoth() {
  (void)co_await HoldsAKilobyte();
  (void)co_await LetsGoOfAKilobyte();
  (void)co_await LetsGoOfAKilobyte();
}

namespace {

const FrameKind* Find(const std::vector<FrameKind>& kinds, std::string_view name) {
  const auto found = std::ranges::find_if(kinds, [name](const FrameKind& kind) {
    return kind.made_by.find(name) != std::string::npos;
  });
  return found == kinds.end() ? nullptr : &*found;
}

TEST(FrameLedgerTest, TellsTheSizeOfEachCoroutinesFrame) {
  FrameLedger ledger;
  {
    TestRuntime runtime(1);
    runtime.Run(AwaitBoth());
  }
  EXPECT_EQ(ledger.left(), 0u);
  const std::vector<FrameKind> seen = ledger.Seen();
  const FrameKind* const large = Find(seen, "HoldsAKilobyte");
  ASSERT_NE(large, nullptr) << ledger.Table();
  EXPECT_GE(large->size, 1024u);
  EXPECT_EQ(large->count, 1u);
  const FrameKind* const both = Find(seen, "AwaitBoth");
  ASSERT_NE(both, nullptr) << ledger.Table();
  EXPECT_LT(both->size, 512u);
  EXPECT_NE(ledger.Table().find("HoldsAKilobyte"), std::string::npos);
#if defined(__OPTIMIZE__)
  const FrameKind* const small = Find(seen, "LetsGoOfAKilobyte");
  ASSERT_NE(small, nullptr) << ledger.Table();
  EXPECT_LT(small->size, 512u);
  EXPECT_EQ(small->count, 2u);
#endif
}

TEST(FrameLedgerTest, TellsWhatIsLeft) {
  FrameLedger ledger;
  {
    const Task<int> waits = HoldsAKilobyte();
    const Task<void> other = AwaitBoth();
    EXPECT_EQ(ledger.left(), 2u);
    const std::vector<FrameKind> left = ledger.Left();
    ASSERT_EQ(left.size(), 2u);
    EXPECT_GT(left[0].size, left[1].size);
    EXPECT_NE(Find(left, "HoldsAKilobyte"), nullptr) << ledger.Table();
  }
  EXPECT_EQ(ledger.left(), 0u);
}

// A frame that was made before is none of its own.
TEST(FrameLedgerTest, KnowsOnlyWhatIsMadeWhileItLives) {
  std::optional<Task<int>> before = HoldsAKilobyte();
  FrameLedger ledger;
  EXPECT_EQ(ledger.left(), 0u);
  before.reset();
  EXPECT_EQ(ledger.left(), 0u);
  EXPECT_TRUE(ledger.Seen().empty());
}

}  // namespace
}  // namespace sluice::core::testing
