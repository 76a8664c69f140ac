// BufReader, Lines, Split: units however the bytes arrive, limits, ends, and every cut.
#include "core/bytes/buf_reader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes/span_reader.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/spawn.h"
#include "core/task/yield.h"
#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "tests/core/bytes/cut.h"

namespace sluice::core::testing {
namespace {

class BufReaderTest : public OneWorkerTest {};

constexpr auto kNothing = [](const auto&) {};

// All units, and behind them the error if there was one.
template <typename Units>
Task<std::vector<std::string>> Collect(Units units) {
  std::vector<std::string> all;
  while (true) {
    auto unit = co_await units.Next();
    if (!unit.ok()) {
      all.push_back("error " + std::to_string(unit.error()));
      co_return all;
    }
    if (!unit->has_value()) co_return all;
    all.emplace_back(**unit);
  }
}
using Strings = std::vector<std::string>;

Task<Strings> LinesOf(std::string text, size_t most, size_t at_once) {
  Faulty stream(SpanReader(BytesOf(text)), {.most_read = at_once});
  BufReader reader(stream, /*first=*/3);
  co_return co_await Collect(Lines(reader, most));
}
Task<void> LinesMain() {
  const std::string too_large = "error " + std::to_string(kTooLarge);
  for (const size_t at_once : {1, 2, 3, 5, 100}) {
    EXPECT_EQ(co_await LinesOf("", 10, at_once), Strings{});
    EXPECT_EQ(co_await LinesOf("a", 10, at_once), Strings{"a"});
    EXPECT_EQ(co_await LinesOf("\n", 10, at_once), Strings{""});
    EXPECT_EQ(co_await LinesOf("one\ntwo\r\n\r\n\nfive \r x", 10, at_once),
              (Strings{"one", "two", "", "", "five \r x"}));
    EXPECT_EQ(co_await LinesOf("0123456789\n0123456789", 10, at_once),
              (Strings{"0123456789", "0123456789"}));
    EXPECT_EQ(co_await LinesOf("ok\n0123456789x\n", 10, at_once), (Strings{"ok", too_large}));
    EXPECT_EQ(co_await LinesOf("ok\n0123456789x", 10, at_once), (Strings{"ok", too_large}));
    EXPECT_EQ(co_await LinesOf("\n\nx", 0, at_once), (Strings{"", "", too_large}));
  }
}
TEST_F(BufReaderTest, LinesHoweverTheyArrive) { Run(LinesMain()); }

// A "\r" belongs to the line whose "\n" never came.
Task<void> ReturnMain() {
  for (const size_t at_once : {1, 100}) {
    EXPECT_EQ(co_await LinesOf("abc\r\nabc\r", 10, at_once), (Strings{"abc", "abc\r"}));
  }
}
TEST_F(BufReaderTest, ALastLineIsWhatCame) { Run(ReturnMain()); }

Task<void> NoLimitMain() {
  const std::string text(10'000, 'x');
  int reads = 0;
  for (const bool line : {false, true}) {
    Faulty counted(SpanReader(BytesOf(text)), {.most_read = 4096});
    BufReader reader(counted);
    if (line) {
      EXPECT_EQ(**co_await reader.Line(SIZE_MAX), text);
    } else {
      EXPECT_EQ(*co_await reader.ToEnd(SIZE_MAX), text);
    }
    EXPECT_GE(reader.capacity(), 10'000u);
    EXPECT_LE(reader.capacity(), 32'768u);  // it has doubled, and not grown by single bytes
    ++reads;
  }
  EXPECT_EQ(reads, 2);
}
TEST_F(BufReaderTest, UnitsWithoutALimit) { Run(NoLimitMain()); }

// A flood of lines that are there at once: the other tasks run meanwhile.
Task<void> FloodMain() {
  const std::string text(100'000, '\n');
  SpanReader stream(BytesOf(text));
  BufReader reader(stream, 65'536);
  size_t lines = 0;
  size_t seen = 0;
  const auto other = [&]() -> Task<void> {
    for (size_t before = SIZE_MAX; before != lines;) {
      before = lines;
      ++seen;
      co_await Yield();
    }
  };
  JoinHandle<void> watches = Spawn(other());
  while ((co_await reader.Line(10))->has_value()) ++lines;
  (void)co_await std::move(watches);
  EXPECT_EQ(lines, 100'000u);
  EXPECT_GE(seen, 100u);
}
TEST_F(BufReaderTest, AFloodLetsOthersRun) { Run(FloodMain()); }

using BufReaderDeathTest = BufReaderTest;
Task<void> SkipMain() {
  SpanReader stream(BytesOf("abc"));
  BufReader reader(stream);
  EXPECT_TRUE(*co_await reader.Peek(2));
  reader.Skip(4);
}
TEST_F(BufReaderDeathTest, SkipBeyondWhatIsThere) { EXPECT_DEATH(Run(SkipMain()), "Peek waits"); }
TEST_F(BufReaderDeathTest, WithoutMemory) {
  SpanReader stream(BytesOf("abc"));
  EXPECT_DEATH(BufReader(stream, 0), "at least 1 byte");
}

// Also of a line that has been read ahead as a whole; it stays.
Task<void> ReadAheadMain() {
  SpanReader stream(BytesOf("abc\nd\n"));
  BufReader reader(stream);
  EXPECT_EQ((co_await reader.Line(2)).error(), kTooLarge);
  EXPECT_EQ((co_await reader.Line(2)).error(), kTooLarge);
  EXPECT_EQ(**co_await reader.Line(3), "abc");
  EXPECT_EQ(**co_await reader.Line(1), "d");
}
TEST_F(BufReaderTest, ALimitHoldsForWhatIsReadAhead) { Run(ReadAheadMain()); }

Task<void> SplitMain() {
  SpanReader stream(BytesOf("a,bc,,d"));
  BufReader reader(stream);
  EXPECT_EQ(co_await Collect(Split(reader, ',', 5)), (Strings{"a", "bc", "", "d"}));
}
TEST_F(BufReaderTest, PiecesBetweenDelimiters) { Run(SplitMain()); }

Task<void> MixedMain() {
  std::string text("\x00\x00\x01\x02head\nrest of it", 19);
  Faulty stream(SpanReader(BytesOf(text)), {.most_read = 3});
  BufReader reader(stream, /*first=*/4);
  EXPECT_EQ(*co_await reader.Integer<uint32_t>(), 258u);
  EXPECT_TRUE(*co_await reader.Peek(2));
  EXPECT_EQ(TextOf(reader.buffered()).substr(0, 2), "he");
  EXPECT_EQ(**co_await reader.Line(10), "head");
  EXPECT_EQ(TextOf(*co_await reader.Exact(5)), "rest ");
  std::string raw(2, '\0');
  EXPECT_EQ(*co_await reader.Read(RoomIn(raw).first(1)), 1u);
  EXPECT_EQ(raw[0], 'o');
  EXPECT_TRUE(*co_await reader.Peek(1));
  reader.Skip(1);
  EXPECT_EQ(*co_await reader.ToEnd(5), " it");
  EXPECT_EQ(*co_await reader.Read(RoomIn(raw)), 0u);
  EXPECT_FALSE((co_await reader.Line(5))->has_value());
  EXPECT_EQ((co_await reader.Integer<uint8_t>()).error(), kEndedEarly);
}
TEST_F(BufReaderTest, UnitsOfEveryKindInOneStream) { Run(MixedMain()); }

Task<void> EarlyMain() {
  Faulty stream(SpanReader(BytesOf("abc")), {.most_read = 2});
  BufReader reader(stream);
  EXPECT_EQ((co_await reader.Exact(4)).error(), kEndedEarly);
  EXPECT_FALSE(*co_await reader.Peek(4));
  EXPECT_EQ(TextOf(reader.buffered()), "abc");  // they stay
  EXPECT_EQ((co_await reader.ToEnd(2)).error(), kTooLarge);
  EXPECT_EQ(*co_await reader.ToEnd(3), "abc");

  Faulty broken(SpanReader(BytesOf("abc")), {.read_fails_at = 2, .read_error = EIO});
  BufReader second(broken);
  EXPECT_EQ((co_await second.Line(10)).error(), EIO);
  EXPECT_EQ(TextOf(second.buffered()), "ab");
}
TEST_F(BufReaderTest, EndsAndErrorsLeaveTheBytes) { Run(EarlyMain()); }

// Memory: none before the first read, as much as a unit needs, and little again behind it.
Task<void> MemoryMain() {
  const std::string text = std::string(100'000, 'x') + "\nshort\n";
  SpanReader stream(BytesOf(text));
  BufReader reader(stream);
  EXPECT_EQ(reader.capacity(), 0u);
  EXPECT_EQ((co_await reader.Line(1000)).error(), kTooLarge);
  EXPECT_LE(reader.capacity(), 2048u);
  EXPECT_EQ((**co_await reader.Line(100'000)).size(), 100'000u);
  EXPECT_LE(reader.capacity(), 200'000u);
  EXPECT_EQ(**co_await reader.Line(100), "short");
  EXPECT_FALSE((co_await reader.Line(100))->has_value());
  EXPECT_LE(reader.capacity(), 512u);
}
TEST_F(BufReaderTest, MemoryIsBoundedByTheLimit) { Run(MemoryMain()); }

// A function that is cut short at every place, in every way; then what is left is what it should.
template <typename Make>
Task<std::string> CutAndRest(const Cuts& cuts, std::string text, Make make, bool& ok) {
  auto [ours, theirs] = Duplex::Make(100);
  BufReader reader(theirs, /*first=*/2);
  Feed feed(ours, text);
  auto last = co_await RunCut(cuts, [&] { return make(reader); }, [&] { return feed(); }, kNothing);
  ok = last.ok();
  std::string result;
  if constexpr (requires { (**last).size(); }) {
    result = last->has_value() ? std::string(**last) : "nothing";
  } else if constexpr (requires { last->size(); }) {
    result = std::string(reinterpret_cast<const char*>(last->data()), last->size());
  } else {
    result = std::to_string(*last);
  }
  while (!feed.ended()) co_await feed();
  co_return result + "|" + std::string(*co_await reader.ToEnd(100));
}

template <typename Make>
auto Expecting(std::string text, Make make, std::string expected) {
  return [=](const Cuts& cuts) -> Task<void> {
    bool ok = false;
    EXPECT_EQ(co_await CutAndRest(cuts, text, make, ok), expected);
    EXPECT_TRUE(ok);
  };
}

TEST_F(BufReaderTest, LineCutAnywhere) {
  Run(ForAllCuts(6, Expecting("abcd\nx", [](auto& r) { return r.Line(4); }, "abcd|x")));
}
TEST_F(BufReaderTest, LastLineCutAnywhere) {
  Run(ForAllCuts(6, Expecting("abcde", [](auto& r) { return r.Line(5); }, "abcde|")));
}
TEST_F(BufReaderTest, UntilCutAnywhere) {
  Run(ForAllCuts(6, Expecting("abcd;x", [](auto& r) { return r.Until(';', 9); }, "abcd|x")));
}
TEST_F(BufReaderTest, ExactCutAnywhere) {
  Run(ForAllCuts(6, Expecting("abcdef", [](auto& r) { return r.Exact(5); }, "abcde|f")));
}
TEST_F(BufReaderTest, IntegerCutAnywhere) {
  Run(ForAllCuts(4, Expecting(
                        std::string("\x01\x00\x00\x07", 4),
                        [](auto& r) { return r.template Integer<uint32_t>(); }, "16777223|")));
}
TEST_F(BufReaderTest, ToEndCutAnywhere) {
  Run(ForAllCuts(6, Expecting("abcde", [](auto& r) { return r.ToEnd(5); }, "abcde|")));
}
TEST_F(BufReaderTest, PeekCutAnywhere) {
  Run(ForAllCuts(5, Expecting("abcde", [](auto& r) { return r.Peek(5); }, "1|abcde")));
}

}  // namespace
}  // namespace sluice::core::testing
