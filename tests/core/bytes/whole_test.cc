// ReadExact, ReadToEnd, WriteAll: short reads and writes, ends, errors, limits, and every cut.
#include "core/bytes/whole.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes/big_endian.h"
#include "core/bytes/span_reader.h"
#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "tests/core/bytes/cut.h"

namespace sluice::core::testing {
namespace {

class WholeTest : public OneWorkerTest {};

constexpr auto kNothing = [](const auto&) {};

Task<void> ShortMain() {
  auto [ours, theirs] = Duplex::Make(1000);
  Faulty out(std::move(ours), {.most_write = 7, .seed = 1});
  Faulty in(std::move(theirs), {.most_read = 5, .seed = 2});
  const std::string text = LettersAt(0, 300);
  EXPECT_EQ((co_await WriteAll(out, BytesOf(text).first(100))).bytes(), 100u);
  std::vector<std::span<const std::byte>> parts;
  for (size_t at = 100, size = 0; at < 300; at += size) {
    size = std::min<size_t>(300 - at, at % 13);
    if (size == 0) ++size;
    parts.push_back(BytesOf(text).subspan(at, size));
    parts.push_back({});
  }
  const Transferred sent = co_await WriteAll(out, std::span(parts));
  EXPECT_TRUE(sent.ok());
  EXPECT_EQ(sent.bytes(), 200u);
  for (const auto& part : parts) EXPECT_TRUE(part.empty());
  EXPECT_TRUE((co_await out.Shutdown()).ok());
  std::string first(120, '\0');
  EXPECT_EQ((co_await ReadExact(in, RoomIn(first))).bytes(), 120u);
  EXPECT_EQ(first, text.substr(0, 120));
  EXPECT_TRUE((co_await ReadExact(in, {})).ok());
  std::vector<std::byte> rest;
  const Transferred read = co_await ReadToEnd(in, rest, 180);
  EXPECT_TRUE(read.ok());
  EXPECT_EQ(read.bytes(), 180u);
  EXPECT_EQ(TextOf(rest), text.substr(120));
}
TEST_F(WholeTest, ShortReadsAndWrites) { Run(ShortMain()); }

// What ReadToEnd appends to.
template <typename T>
class ReadToEndTest : public OneWorkerTest {
 protected:
  static std::string Text(const std::string& all) { return all; }
  static std::string Text(const std::vector<std::byte>& all) { return std::string(TextOf(all)); }
  static T With(std::string_view text) {
    T all;
    for (const char letter : text) all.push_back(typename T::value_type(letter));
    return all;
  }
  static Task<void> NoLimitMain();
  static Task<void> LimitMain();
  static Task<void> Cut(const Cuts& cuts);
};
using Appended = ::testing::Types<std::vector<std::byte>, std::string>;
TYPED_TEST_SUITE(ReadToEndTest, Appended);

template <typename T>
Task<void> ReadToEndTest<T>::NoLimitMain() {
  const std::string text = LettersAt(0, 300'000);
  for (const size_t limit : {SIZE_MAX, SIZE_MAX - 1, text.size()}) {
    Faulty in(SpanReader(BytesOf(text)), {.most_read = 70'000});
    T all;
    EXPECT_TRUE((co_await ReadToEnd(in, all, limit)).ok());
    EXPECT_EQ(Text(all), text);
  }
}
TYPED_TEST(ReadToEndTest, WithoutALimit) { this->Run(this->NoLimitMain()); }

// However much there is already, a peer that sends single bytes has little cleared for each.
struct Measuring {
  Task<IoResult<size_t>> Read(std::span<std::byte> bytes) {
    most = std::max(most, bytes.size());
    if (left-- == 0) co_return 0;
    co_return 1;
  }
  int left = 10;
  size_t most = 0;
};
Task<void> DribbleMain() {
  Measuring in;
  std::vector<std::byte> all(1'000'000);
  EXPECT_EQ((co_await ReadToEnd(in, all, 1 << 24)).bytes(), 10u);
  EXPECT_LE(in.most, 65'536u);
}
TEST_F(WholeTest, AReadHasABoundedPieceOfMemory) { Run(DribbleMain()); }

Task<void> ErrorsMain() {
  auto [ours, theirs] = Duplex::Make(100);
  Faulty out(std::move(ours), {.write_fails_at = 7, .write_error = EIO});
  const Transferred sent = co_await WriteAll(out, BytesOf("0123456789"));
  EXPECT_EQ(sent.error(), EIO);
  EXPECT_EQ(sent.bytes(), 7u);
  EXPECT_TRUE((co_await out.Shutdown()).ok());
  Faulty in(std::move(theirs), {.read_fails_at = 9});
  std::string bytes(5, '\0');
  EXPECT_TRUE((co_await ReadExact(in, RoomIn(bytes))).ok());
  const Transferred early = co_await ReadExact(in, RoomIn(bytes));
  EXPECT_EQ(early.error(), kEndedEarly);
  EXPECT_EQ(early.bytes(), 2u);
  EXPECT_EQ(bytes.substr(0, 2), "56");

  SpanReader text(BytesOf("0123456789"));
  Faulty broken(std::move(text), {.read_fails_at = 4, .read_error = ECONNRESET});
  std::vector<std::byte> all;
  const Transferred read = co_await ReadToEnd(broken, all, 100);
  EXPECT_EQ(read.error(), ECONNRESET);
  EXPECT_EQ(TextOf(all), "0123");
}
TEST_F(WholeTest, ErrorsSayHowFarItCame) { Run(ErrorsMain()); }

template <typename T>
Task<void> ReadToEndTest<T>::LimitMain() {
  for (const std::string had : {"", "ab"}) {  // which counts, too
    for (size_t limit = had.size(); limit <= 14; ++limit) {
      SpanReader text(BytesOf("0123456789"));
      T all = With(had);
      const Transferred read = co_await ReadToEnd(text, all, limit);
      EXPECT_EQ(read.error(), limit < had.size() + 10 ? kTooLarge : 0) << limit;
      EXPECT_EQ(read.bytes(), std::min<size_t>(limit - had.size() + 1, 10)) << limit;
      EXPECT_EQ(Text(all), (had + "0123456789").substr(0, limit + 1));
    }
  }
}
TYPED_TEST(ReadToEndTest, HasALimit) { this->Run(this->LimitMain()); }

TEST(BigEndianTest, ThereAndBack) {
  static_assert(BigEndian(uint16_t{0x1234})[0] == std::byte{0x12});
  EXPECT_EQ(FromBigEndian<uint32_t>(BigEndian(uint32_t{0x89abcdef})), 0x89abcdefu);
  EXPECT_EQ(FromBigEndian<uint64_t>(BigEndian(~uint64_t{1})), ~uint64_t{1});
  EXPECT_EQ(FromBigEndian<int16_t>(BigEndian(int16_t{-2})), -2);
  EXPECT_EQ(FromBigEndian<int64_t>(BigEndian(int64_t{-3})), -3);
  EXPECT_EQ(BigEndian(uint32_t{1})[3], std::byte{1});
}

Task<void> ReadExactCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(100);
  std::string bytes(6, '\0');
  size_t done = 0;
  const Transferred last = co_await RunCut(
      cuts, [&, &theirs = theirs] { return ReadExact(theirs, RoomIn(bytes).subspan(done)); },
      Feed(ours, "abcdef"), [&done](const Transferred& cut) { done += cut.bytes(); });
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(done + last.bytes(), 6u);
  EXPECT_EQ(bytes, "abcdef");
}
TEST_F(WholeTest, ReadExactCutAnywhere) { Run(ForAllCuts(6, ReadExactCut)); }

template <typename T>
Task<void> ReadToEndTest<T>::Cut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(100);
  T all;
  const Transferred last = co_await RunCut(
      cuts, [&, &theirs = theirs] { return ReadToEnd(theirs, all, 5); }, Feed(ours, "abcde"),
      kNothing);
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(Text(all), "abcde");
}
TYPED_TEST(ReadToEndTest, CutAnywhere) { this->Run(ForAllCuts(6, &TestFixture::Cut)); }

Task<void> WriteAllCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(1);
  std::string read;
  size_t done = 0;
  const std::string text = "abcdefg";
  const Transferred last = co_await RunCut(
      cuts, [&, &ours = ours] { return WriteAll(ours, BytesOf(text).subspan(done)); },
      Drink(theirs, read), [&done](const Transferred& cut) { done += cut.bytes(); });
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(done + last.bytes(), 7u);
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, read);
  EXPECT_EQ(read, text);
}
TEST_F(WholeTest, WriteAllCutAnywhere) { Run(ForAllCuts(6, WriteAllCut)); }

Task<void> WritePartsCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(2);
  std::string read;
  std::array<std::span<const std::byte>, 4> parts = {BytesOf("ab"), BytesOf("c"), BytesOf(""),
                                                     BytesOf("defgh")};
  const Transferred last = co_await RunCut(
      cuts, [&, &ours = ours] { return WriteAll(ours, std::span(parts)); }, Drink(theirs, read),
      kNothing);
  EXPECT_TRUE(last.ok());
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, read);
  EXPECT_EQ(read, "abcdefgh");
}
TEST_F(WholeTest, WriteAllOfPartsCutAnywhere) { Run(ForAllCuts(6, WritePartsCut)); }

}  // namespace
}  // namespace sluice::core::testing
