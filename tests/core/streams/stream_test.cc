// Item, Stream, and Then: what is told apart, what WithTimeout makes of it, and that Then costs
// what the awaitable under it costs.
#include "core/streams/stream.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_range.h"
#include "core/streams/generator.h"
#include "core/streams/then.h"
#include "core/sync/mpsc.h"
#include "core/task/gave_up.h"
#include "core/task/join.h"
#include "core/testing/fixture.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"

namespace sluice::core::testing {
namespace {

class StreamTest : public OneWorkerTest {};

TEST_F(StreamTest, AnItemIsAValueTheEndOrCancelled) {
  const Item<int> value = 0;
  EXPECT_TRUE(value);
  EXPECT_EQ(*value, 0);
  EXPECT_FALSE(value.ended());
  EXPECT_FALSE(GaveUp(value));
  const Item<int> end = StreamEnd();
  EXPECT_FALSE(end);
  EXPECT_TRUE(end.ended());
  EXPECT_FALSE(end.cancelled());
  EXPECT_FALSE(GaveUp(end));
  const Item<int> cancelled = StreamCancelled();
  EXPECT_FALSE(cancelled);
  EXPECT_FALSE(cancelled.ended());
  EXPECT_TRUE(GaveUp(cancelled));
  EXPECT_TRUE(end.As<bool>().ended());
  EXPECT_TRUE(cancelled.As<bool>().cancelled());
  Item<std::unique_ptr<int>> moved = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(moved);
  EXPECT_EQ(*taken, 7);
}

static_assert(Stream<Generator<int>>);
static_assert(!Stream<Mpsc<int>::Receiver>);
static_assert(!Stream<std::vector<int>>);
static_assert(std::is_same_v<StreamValue<Generator<std::unique_ptr<int>>>, std::unique_ptr<int>>);

Task<void> TimeoutMain() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  auto stream = ToStream(std::move(receiver));
  EXPECT_FALSE((co_await WithTimeout(1s, stream.Next())).has_value());
  EXPECT_TRUE(sender.TrySend(7).ok());
  std::optional<Item<int>> in_time = co_await WithTimeout(1s, stream.Next());
  EXPECT_TRUE(in_time.has_value() && *in_time && **in_time == 7);
  sender = {};
  std::optional<Item<int>> end = co_await WithTimeout(1s, stream.Next());
  EXPECT_TRUE(end.has_value() && end->ended());
}
TEST_F(StreamTest, ATimeoutIsNoEnd) { Run(TimeoutMain()); }

Task<void> BorrowMain() {
  auto stream = ToStream(std::vector{1, 2});
  auto borrowed = internal::HoldStream(stream);
  EXPECT_EQ(*co_await borrowed.Next(), 1);
  EXPECT_EQ(*co_await stream.Next(), 2);
  EXPECT_TRUE((co_await borrowed.Next()).ended());
  auto moved = internal::HoldStream(ToStream(std::vector{3}));
  EXPECT_EQ(*co_await moved.Next(), 3);
}
TEST_F(StreamTest, AnLvalueIsBorrowed) { Run(BorrowMain()); }

Task<int> Twice(int number) {
  (void)co_await Sleep(1s);
  co_return 2 * number;
}
auto TwiceMore(int number) {
  return internal::Then([number] { return Twice(number); }, [](int twice) { return 2 * twice; });
}
Task<void> ThenMain() {
  const Instant begin = Now();
  EXPECT_EQ(co_await TwiceMore(1), 4);
  EXPECT_EQ(co_await internal::Then([] { return Sleep(1s); }, [](bool slept) { return slept; }),
            true);
  auto [a, b] = co_await Join(TwiceMore(2), TwiceMore(3));
  EXPECT_EQ(a, 8);
  EXPECT_EQ(b, 12);
  EXPECT_EQ(Now() - begin, 3s);
}
TEST_F(StreamTest, ThenIsAwaitedAsWhatIsUnderIt) { Run(ThenMain()); }

}  // namespace
}  // namespace sluice::core::testing
