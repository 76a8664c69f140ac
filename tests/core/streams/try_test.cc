// TryMap, TryFilter, TryForEach, TryFold, TryCollect: values, the first error, and that nothing
// comes after it.
#include "core/streams/try.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/streams/buffered.h"
#include "core/streams/consume.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_range.h"
#include "core/streams/map.h"
#include "core/sync/mpsc.h"
#include "core/task/outcome.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"

namespace sluice::core::testing {
namespace {

class TryTest : public OneWorkerTest {};
using Ints = std::vector<int>;

// 1, 2, ... up to `most`; the one before it is an error if `error` is not 0.
auto UpTo(int most, int error = 0) {
  return ToStream(std::views::iota(1, most + 1)) | Map([=](int n) -> IoResult<int> {
           if (error != 0 && n == most - 1) return IoError(error);
           return n;
         });
}

template <Stream S>
Task<std::vector<std::string>> All(S stream) {
  std::vector<std::string> all;
  while (auto item = co_await stream.Next()) {
    all.push_back(item->ok() ? std::to_string(**item) : "error " + std::to_string(item->error()));
  }
  EXPECT_TRUE((co_await stream.Next()).ended());
  co_return all;
}
using Strings = std::vector<std::string>;

Task<void> MapMain() {
  const auto twice = [](int n) { return 2 * n; };
  EXPECT_EQ(co_await All(UpTo(3) | TryMap(twice)), (Strings{"2", "4", "6"}));
  EXPECT_EQ(co_await All(UpTo(4, EIO) | TryMap(twice)), (Strings{"2", "4", "error 5"}));
  int calls = 0;
  const auto fails = [&calls](int n) -> Task<IoResult<int>> {
    ++calls;
    (void)co_await Sleep(1s);
    if (n == 2) co_return IoError(ENOENT);
    co_return n;
  };
  EXPECT_EQ(co_await All(UpTo(9) | TryMap(fails)), (Strings{"1", "error 2"}));
  EXPECT_EQ(calls, 2);
}
TEST_F(TryTest, MapEndsWithTheFirstError) { Run(MapMain()); }

Task<void> MapCutMain() {
  const auto slowly = [](int n) -> Task<IoResult<int>> {
    if (!co_await Sleep(1s)) co_return IoError(ECANCELED);
    co_return n;
  };
  auto numbers = UpTo(3) | TryMap(slowly);
  Probe next([&] { return numbers.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ((co_await next.Cancel())->error(), ECANCELED);  // what became of that item
  EXPECT_EQ(co_await All(std::move(numbers)), (Strings{"2", "3"}));
}
TEST_F(TryTest, ACallThatIsCutShortIsNotTheEnd) { Run(MapCutMain()); }

// Nor is it for those behind it.
Task<void> MapMapCutMain() {
  const auto slowly = [](int n) -> Task<IoResult<int>> {
    if (!co_await Sleep(1s)) co_return IoError(ECANCELED);
    co_return n;
  };
  auto numbers = UpTo(3) | TryMap(slowly) | TryMap([](int n) { return 10 * n; });
  Probe next([&] { return numbers.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ((co_await next.Cancel())->error(), ECANCELED);
  EXPECT_EQ(co_await All(std::move(numbers)), (Strings{"20", "30"}));
}
TEST_F(TryTest, NorIsItForAnotherMap) { Run(MapMapCutMain()); }

Task<void> FilterMain() {
  const auto is_odd = [](const int& n) { return n % 2 == 1; };
  EXPECT_EQ(co_await All(UpTo(5) | TryFilter(is_odd)), (Strings{"1", "3", "5"}));
  EXPECT_EQ(co_await All(UpTo(6, EIO) | TryFilter(is_odd)), (Strings{"1", "3", "error 5"}));
  int calls = 0;
  const auto fails = [&calls](const int& n) -> Task<IoResult<bool>> {
    ++calls;
    (void)co_await Sleep(1s);
    if (n == 3) co_return IoError(ENOENT);
    co_return n != 1;
  };
  EXPECT_EQ(co_await All(UpTo(9) | TryFilter(fails)), (Strings{"2", "error 2"}));
  EXPECT_EQ(calls, 3);
  const auto throws = [](const int& n) -> bool {
    if (n == 2) throw std::runtime_error("two");
    return true;
  };
  auto thrown = UpTo(3) | TryFilter(throws);
  EXPECT_TRUE((co_await thrown.Next())->ok());
  std::string what;
  try {
    (void)co_await thrown.Next();
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "two");
  auto owned = UpTo(3) | TryMap([](int n) { return std::make_unique<int>(n); }) |
               TryFilter([](const std::unique_ptr<int>& n) { return *n != 2; });
  EXPECT_EQ((co_await (std::move(owned) | TryCollect()))->size(), 2u);
}
TEST_F(TryTest, FilterEndsWithTheFirstErrorOfEither) { Run(FilterMain()); }

// What is cut short has given up, whichever way it says so, and is asked again; but what came out
// all the same is handed over.
enum class GivesUp { kSaysNo, kBringsCanceled, kThrows };
Task<IoResult<bool>> Ask(GivesUp how, int& asked) {
  ++asked;
  if (co_await Sleep(1s)) co_return true;
  if (how == GivesUp::kThrows) throw Cancelled();
  if (how == GivesUp::kBringsCanceled) co_return IoError(ECANCELED);
  co_return false;
}
Task<void> FilterCutMain() {
  for (const GivesUp how : {GivesUp::kSaysNo, GivesUp::kBringsCanceled}) {
    int asked = 0;
    auto numbers = UpTo(2) | TryFilter([&](const int&) { return Ask(how, asked); });
    Probe next([&] { return numbers.Next(); });
    EXPECT_TRUE(co_await next.Pending());
    EXPECT_TRUE((co_await next.Cancel()).cancelled());
    EXPECT_EQ(co_await All(std::move(numbers)), (Strings{"1", "2"}));
    EXPECT_EQ(asked, 3);
  }
  int asked = 0;
  auto numbers = UpTo(2) | TryFilter([&](const int&) { return Ask(GivesUp::kThrows, asked); });
  // Nothing: it has thrown Cancelled, as the scope around it wants it.
  EXPECT_FALSE((co_await WithTimeout(100ms, numbers.Next())).has_value());
  EXPECT_EQ(co_await All(std::move(numbers)), (Strings{"1", "2"}));
  EXPECT_EQ(asked, 3);

  // An error that comes together with the cancellation is one.
  auto broken = UpTo(2) | TryFilter([](const int&) -> Task<IoResult<bool>> {
                  (void)co_await Sleep(1s);
                  co_return IoError(EIO);
                });
  Probe next([&] { return broken.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ((co_await next.Cancel())->error(), EIO);
  EXPECT_EQ(co_await All(std::move(broken)), Strings());
}
TEST_F(TryTest, APredicateThatIsCutShortIsAskedAgain) { Run(FilterCutMain()); }

Task<void> ForEachMain() {
  Ints got;
  const auto keep = [&got](int n) { got.push_back(n); };
  EXPECT_TRUE((co_await (UpTo(3) | TryForEach(keep))).ok());
  EXPECT_EQ(std::exchange(got, {}), (Ints{1, 2, 3}));
  EXPECT_EQ((co_await (UpTo(5, EIO) | TryForEach(keep))).error(), EIO);
  EXPECT_EQ(std::exchange(got, {}), (Ints{1, 2, 3}));
  const auto fails = [&got](int n) -> Task<IoResult<void>> {
    got.push_back(n);
    (void)co_await Sleep(1s);
    if (n == 2) co_return IoError(ENOENT);
    co_return IoResult<void>();
  };
  EXPECT_EQ((co_await (UpTo(5) | TryForEach(fails))).error(), ENOENT);
  EXPECT_EQ(got, (Ints{1, 2}));
  EXPECT_EQ((co_await (UpTo(2) | TryForEach([](int) { return 7; }))).error(), 0);
}
TEST_F(TryTest, ForEachStopsAtTheFirstErrorOfEither) { Run(ForEachMain()); }

Task<void> FoldMain() {
  const auto add = [](int sum, int n) { return sum + n; };
  EXPECT_EQ(*co_await (UpTo(4) | TryFold(100, add)), 110);
  EXPECT_EQ(*co_await (UpTo(0) | TryFold(100, add)), 100);
  EXPECT_EQ((co_await (UpTo(4, EIO) | TryFold(0, add))).error(), EIO);
  Ints seen;
  const auto fails = [&seen](std::string text, int n) -> Task<IoResult<std::string>> {
    seen.push_back(n);
    (void)co_await Sleep(1s);
    if (n == 3) co_return IoError(ENOENT);
    co_return text + std::to_string(n);
  };
  EXPECT_EQ((co_await (UpTo(5) | TryFold(std::string(), fails))).error(), ENOENT);
  EXPECT_EQ(seen, (Ints{1, 2, 3}));
  EXPECT_EQ(*co_await (UpTo(2) | TryFold(std::string("0"), fails)), "012");
  const auto gather = [](std::unique_ptr<Ints> all, int n) {
    all->push_back(n);
    return all;
  };
  EXPECT_EQ(**co_await (UpTo(3) | TryFold(std::make_unique<Ints>(), gather)), (Ints{1, 2, 3}));
}
TEST_F(TryTest, FoldBringsTheSumOrTheError) { Run(FoldMain()); }

Task<void> CollectMain() {
  IoResult<Ints> all = co_await (UpTo(3) | TryCollect());
  EXPECT_EQ(*all, (Ints{1, 2, 3}));
  EXPECT_EQ((co_await (UpTo(3, EIO) | TryCollect())).error(), EIO);
  auto owned = UpTo(2) | TryMap([](int n) { return std::make_unique<int>(n); });
  EXPECT_EQ((co_await (std::move(owned) | TryCollect()))->size(), 2u);

  // The calls that run when an error comes are stopped.
  int ended = 0;
  const auto work = [&ended](IoResult<int> n) -> Task<IoResult<void>> {
    const bool slept = co_await Sleep(*n * 1s);
    ++ended;
    if (*n == 2 && slept) co_return IoError(EIO);
    co_return IoResult<void>();
  };
  const Instant begin = Now();
  EXPECT_EQ((co_await (UpTo(9) | BufferUnordered(4, work) | TryCollect())).error(), EIO);
  EXPECT_EQ(Now() - begin, 2s);
  EXPECT_EQ(ended, 5);
  EXPECT_EQ(
      (co_await (UpTo(2) | Map([](IoResult<int>) { return IoResult<void>(); }) | TryCollect()))
          ->size(),
      2u);
}
TEST_F(TryTest, CollectBringsAllOrTheError) { Run(CollectMain()); }

Task<void> CutMain() {
  auto [sender, receiver] = Mpsc<IoResult<int>>::Make(1);
  Probe collect([&] { return ToStream(receiver) | TryCollect(); });
  EXPECT_TRUE(co_await collect.Pending());
  EXPECT_EQ((co_await collect.Cancel()).error(), ECANCELED);
  Probe for_each([&] { return ToStream(receiver) | TryForEach([](int) {}); });
  EXPECT_TRUE(co_await for_each.Pending());
  EXPECT_EQ((co_await for_each.Cancel()).error(), ECANCELED);
  Probe fold([&] { return ToStream(receiver) | TryFold(0, [](int sum, int) { return sum; }); });
  EXPECT_TRUE(co_await fold.Pending());
  EXPECT_EQ((co_await fold.Cancel()).error(), ECANCELED);
  (void)sender;
}
TEST_F(TryTest, CutShortTheyBringECANCELED) { Run(CutMain()); }

}  // namespace
}  // namespace sluice::core::testing
