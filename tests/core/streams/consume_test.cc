// ForEach, Fold, Collect, CollectInto: values, exceptions, and what is left when they are cut
// short.
#include "core/streams/consume.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/streams/buffered.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_range.h"
#include "core/streams/map.h"
#include "core/sync/mpsc.h"
#include "core/task/outcome.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core::testing {
namespace {

class ConsumeTest : public OneWorkerTest {};
using Ints = std::vector<int>;

auto UpTo(int most) { return ToStream(std::views::iota(1, most + 1)); }

Task<void> ValuesMain() {
  int sum = 0;
  co_await (UpTo(3) | ForEach([&sum](int n) { sum += n; }));
  EXPECT_EQ(sum, 6);
  const Instant begin = Now();
  co_await (UpTo(3) | ForEach([&sum](int n) -> Task<void> {
              (void)co_await Sleep(1s);
              sum -= n;
            }));
  EXPECT_EQ(sum, 0);
  EXPECT_EQ(Now() - begin, 3s);
  EXPECT_EQ(co_await (UpTo(4) | Fold(1, std::multiplies<>())), 24);
  EXPECT_EQ(co_await (UpTo(0) | Fold(1, std::multiplies<>())), 1);
  const auto join = [](std::string all, int n) -> Task<std::string> {
    (void)co_await Sleep(1s);
    co_return all + std::to_string(n);
  };
  EXPECT_EQ(co_await (UpTo(3) | Fold(std::string("n"), join)), "n123");
  auto owned = UpTo(2) | Map([](int n) { return std::make_unique<int>(n); });
  EXPECT_EQ((co_await (std::move(owned) | Collect())).size(), 2u);
  Ints values = {0};
  co_await (UpTo(2) | CollectInto(values));
  EXPECT_EQ(values, (Ints{0, 1, 2}));
}
TEST_F(ConsumeTest, ToTheEnd) { Run(ValuesMain()); }

// The mean of five readings.
Task<void> StatisticsMain() {
  struct Sum {
    double total = 0;
    int count = 0;
  };
  const std::vector<double> readings = {23.5, 24.1, 23.9, 24.0, 23.8};
  const Sum sum = co_await (ToStream(readings) | Fold(Sum(), [](Sum sum, double reading) {
                              return Sum{sum.total + reading, sum.count + 1};
                            }));
  EXPECT_NEAR(sum.total / sum.count, 23.86, 1e-9);
}
TEST_F(ConsumeTest, AFoldWithAStateOfItsOwn) { Run(StatisticsMain()); }

// What is cut short throws Cancelled; what it had taken is in the vector, the rest in the stream.
Task<void> CutMain() {
  auto [sender, receiver] = Mpsc<int>::Make(9);
  EXPECT_TRUE(sender.TrySend(1).ok());
  Ints values;
  auto stream = ToStream(receiver);
  Probe collect([&] { return stream | CollectInto(values); });
  EXPECT_TRUE(co_await collect.Pending());
  bool cancelled = false;
  try {
    (void)co_await collect.Cancel();
  } catch (const Cancelled&) {
    cancelled = true;
  }
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(values, Ints{1});
  EXPECT_TRUE(sender.TrySend(2).ok());
  sender = {};
  EXPECT_EQ(co_await (stream | Collect()), Ints{2});

  JoinHandle<int> handle = Spawn([]() -> Task<int> {
    const auto wait = [](int sum, int n) -> Task<int> {
      (void)co_await Sleep(1h);
      co_return sum + n;
    };
    co_return co_await (UpTo(9) | Fold(0, wait));
  }());
  co_await Settle();
  handle.Abort();
  EXPECT_TRUE((co_await std::move(handle)).cancelled());
}
TEST_F(ConsumeTest, CutShortItThrowsCancelled) { Run(CutMain()); }

Task<void> ThrowMain() {
  int ended = 0;
  const auto work = [&ended](int n) -> Task<int> {
    (void)co_await Sleep(n * 1s);
    ++ended;
    co_return n;
  };
  const Instant begin = Now();
  bool thrown = false;
  try {
    co_await (UpTo(9) | BufferUnordered(4, work) | ForEach([](int n) {
                if (n == 2) throw std::runtime_error("two");
              }));
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(Now() - begin, 2s);
  EXPECT_EQ(ended, 5);  // two in time, and three that were cancelled and waited for
}
TEST_F(ConsumeTest, AnExceptionStopsWhatRuns) { Run(ThrowMain()); }

}  // namespace
}  // namespace sluice::core::testing
