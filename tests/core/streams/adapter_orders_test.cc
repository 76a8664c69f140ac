// Adapters in every order of grants and cancellations (cancel_driver.h): no item is lost or
// doubled, and a Next that began in a cancelled scope leaves nothing behind that keeps the next
// one from all that it may wait for.
#include <gtest/gtest.h>

#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "core/streams/buffered.h"
#include "core/streams/chunks.h"
#include "core/streams/from_range.h"
#include "core/streams/map.h"
#include "core/streams/merge.h"
#include "core/streams/stream.h"
#include "core/streams/take.h"
#include "core/streams/try.h"
#include "core/streams/zip.h"
#include "core/task/select.h"
#include "core/task/shield.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

// A stream of slots: an item is one slot. `closed`: no slot is waited for any more.
auto SlotsOf(Slots& slots, const bool& closed) {
  return Unfold(0, [&](int&) -> Task<std::optional<int>> {
    if (closed || !co_await slots.Take()) co_return std::nullopt;
    co_return 1;
  });
}

// How many slots an item is.
int CountOf(int count) { return count; }
int CountOf(bool count) { return count ? 1 : 0; }
int CountOf(IoResult<int> count) { return *count; }
int CountOf(std::pair<int, int> pair) { return pair.first + pair.second; }
int CountOf(const std::vector<int>& chunk) { return static_cast<int>(chunk.size()); }

// A wait takes items through an adapter: one, or all until it is cut short. Then what the adapter
// holds, if anything, comes when its stream has been closed.
template <auto kMake, bool kAll>
struct AdapterCase {
  Task<bool> Wait(int) {
    bool closed = false;
    auto stream = kMake(slots, closed);
    int got = 0;
    while (auto item = co_await stream.Next()) {
      got += CountOf(*item);
      if (!kAll) break;
    }
    closed = true;
    while (auto item = co_await Shield(stream.Next())) got += CountOf(*item);
    taken += got;
    co_return got > 0;
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    const bool lost = run.waiting == 0 && taken + left < run.given;
    if (lost || taken + left > run.given) return "a slot was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
  int taken = 0;
};

// A wait takes items by turns in a scope that is cancelled already, as in a Select that another
// branch has won, and in its own. One that waits in its own waits for `kAtATime` slots.
Task<void> Ready() { co_return; }
template <auto kMake, int kAtATime>
struct ByTurnsCase : AdapterCase<kMake, true> {
  Task<bool> Wait(int) {
    bool closed = false;
    auto stream = kMake(this->slots, closed);
    int got = 0;
    while (true) {
      auto outcome = co_await Select(Ready(), stream.Next());
      if (auto& item = outcome.template Get<1>()) got += CountOf(*std::move(item));
      ++waiting;
      auto item = co_await stream.Next();
      --waiting;
      if (!item) break;
      got += CountOf(*std::move(item));
    }
    closed = true;
    while (auto item = co_await Shield(stream.Next())) got += CountOf(*item);
    this->taken += got;
    co_return got > 0;
  }
  std::string Check(const CancelRun& run) {
    std::string wrong = AdapterCase<kMake, true>::Check(run);
    if (!wrong.empty()) return wrong;
    const int expected = waiting * kAtATime;
    return this->slots.waiting() < static_cast<uint32_t>(expected) ? "waits for too little" : "";
  }

  int waiting = 0;  // in their own scopes
};

template <auto kMake>
void ExpectNothingLost() {
  EXPECT_EQ((FindBadOrder<AdapterCase<kMake, false>>()), "");
  EXPECT_EQ((FindBadOrder<AdapterCase<kMake, true>>()), "");
  EXPECT_EQ((FindBadOrder<ByTurnsCase<kMake, 1>>()), "");
}

Task<int> Same(int number) { co_return number; }
Task<bool> Yes(const int&) { co_return true; }

constexpr auto kMap = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Map([](int n) { return n; }) | Map(Same);
};
TEST(AdapterOrdersTest, Map) { ExpectNothingLost<kMap>(); }

constexpr auto kFilter = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Filter([](int) { return true; }) | Filter(Yes);
};
TEST(AdapterOrdersTest, Filter) { ExpectNothingLost<kFilter>(); }

constexpr auto kTake = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Skip(0) | Take(9) | TakeWhile(Yes);
};
TEST(AdapterOrdersTest, Take) { ExpectNothingLost<kTake>(); }

constexpr auto kChain = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Take(1) | Chain(SlotsOf(slots, closed));
};
TEST(AdapterOrdersTest, Chain) { ExpectNothingLost<kChain>(); }

constexpr auto kZip = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Zip(ToStream(std::vector<int>(9, 0)));
};
constexpr auto kZipBehind = [](Slots& slots, bool& closed) {
  return ToStream(std::vector<int>(9, 0)) | Zip(SlotsOf(slots, closed));
};
TEST(AdapterOrdersTest, Zip) {
  ExpectNothingLost<kZip>();
  ExpectNothingLost<kZipBehind>();
}

constexpr auto kChunks = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Chunks(2);
};
TEST(AdapterOrdersTest, Chunks) { ExpectNothingLost<kChunks>(); }

constexpr auto kTryMap = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Map([](int n) -> IoResult<int> { return n; }) | TryMap(Same);
};
TEST(AdapterOrdersTest, TryMap) { ExpectNothingLost<kTryMap>(); }

// With calls, or streams, that take a slot each: those that are cut short bring what they have.
template <auto kMake>
void ExpectNothingLostToTheEnd() {
  EXPECT_EQ((FindBadOrder<AdapterCase<kMake, true>>()), "");
}
auto TakeIn(Slots& slots, bool& closed) {
  return [&](int) -> Task<bool> { co_return !closed && co_await slots.Take(); };
}
constexpr auto kBuffered = [](Slots& slots, bool& closed) {
  return ToStream(std::views::iota(0, 2)) | Buffered(2, TakeIn(slots, closed));
};
TEST(AdapterOrdersTest, Buffered) { ExpectNothingLostToTheEnd<kBuffered>(); }
constexpr auto kUnordered = [](Slots& slots, bool& closed) {
  return ToStream(std::views::iota(0, 2)) | BufferUnordered(2, TakeIn(slots, closed));
};
TEST(AdapterOrdersTest, BufferUnordered) { ExpectNothingLostToTheEnd<kUnordered>(); }
constexpr auto kOfSlots = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | BufferUnordered(2, Same);
};
TEST(AdapterOrdersTest, BufferUnorderedOfAStreamThatWaits) {
  ExpectNothingLostToTheEnd<kOfSlots>();
  EXPECT_EQ((FindBadOrder<ByTurnsCase<kOfSlots, 1>>()), "");
}
constexpr auto kMerge = [](Slots& slots, bool& closed) {
  return SlotsOf(slots, closed) | Merge(SlotsOf(slots, closed));
};
TEST(AdapterOrdersTest, Merge) { ExpectNothingLostToTheEnd<kMerge>(); }

// The same by turns; two results are there at once, so that one is left for the Next that begins in
// a cancelled scope while something runs.
auto Numbers(const bool& closed) {
  return Unfold(0, [&](int& next) { return closed ? std::nullopt : std::optional(next++); });
}
auto TwoAtOnce(Slots& slots, bool& closed) {
  return
      [&](int number) -> Task<bool> { co_return number >= 2 && !closed && co_await slots.Take(); };
}
constexpr auto kManyBuffered = [](Slots& slots, bool& closed) {
  return Numbers(closed) | Buffered(3, TwoAtOnce(slots, closed));
};
constexpr auto kManyUnordered = [](Slots& slots, bool& closed) {
  return Numbers(closed) | BufferUnordered(3, TwoAtOnce(slots, closed));
};
constexpr auto kMergeOfThree = [](Slots& slots, bool& closed) {
  const auto after_one = [&] {
    return ToStream(std::vector<int>(1, 0)) | Chain(SlotsOf(slots, closed));
  };
  return SlotsOf(slots, closed) | Merge(after_one(), after_one());
};
TEST(AdapterOrdersTest, ByTurns) {
  EXPECT_EQ((FindBadOrder<ByTurnsCase<kManyBuffered, 3>>()), "");
  EXPECT_EQ((FindBadOrder<ByTurnsCase<kManyUnordered, 3>>()), "");
  EXPECT_EQ((FindBadOrder<ByTurnsCase<kMergeOfThree, 3>>()), "");
}

}  // namespace
}  // namespace sluice::core::testing
