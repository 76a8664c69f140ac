// Duplex and Faulty: what a test may rely on.
#include "core/testing/duplex.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/text.h"

namespace sluice::core::testing {
namespace {

class DuplexTest : public OneWorkerTest {};

Task<void> PairMain() {
  auto [ours, theirs] = Duplex::Make(4);
  std::string bytes(10, '\0');
  Probe read([&theirs = theirs, &bytes] { return theirs.Read(RoomIn(bytes)); });
  EXPECT_TRUE(co_await read.Pending());
  EXPECT_EQ(*co_await ours.Write(BytesOf("abcdef")), 4u);  // as much as there is room for
  EXPECT_TRUE(co_await read.Ready());
  EXPECT_EQ(*read.Take(), 4u);
  EXPECT_EQ(bytes.substr(0, 4), "abcd");
  const std::array<std::span<const std::byte>, 3> parts = {BytesOf("e"), {}, BytesOf("fghi")};
  EXPECT_EQ(*co_await ours.WriteMany(parts), 4u);
  Probe write([&ours = ours] { return ours.Write(BytesOf("ij")); });
  EXPECT_TRUE(co_await write.Pending());
  EXPECT_EQ(*co_await theirs.Read(RoomIn(bytes).first(3)), 3u);
  EXPECT_TRUE(co_await write.Ready());
  EXPECT_EQ(*write.Take(), 2u);
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  EXPECT_EQ((co_await ours.Write(BytesOf("x"))).error(), EPIPE);
  EXPECT_EQ(*co_await theirs.Read(RoomIn(bytes)), 3u);
  EXPECT_EQ(bytes.substr(0, 3), "hij");
  EXPECT_EQ(*co_await theirs.Read(RoomIn(bytes)), 0u);
  EXPECT_EQ(*co_await theirs.Write(BytesOf("back")), 4u);  // the other direction goes on
  EXPECT_EQ(*co_await ours.Read(RoomIn(bytes)), 4u);
}
TEST_F(DuplexTest, BytesAndEnds) { Run(PairMain()); }

Task<void> GoneMain() {
  std::optional<std::pair<Duplex, Duplex>> ends(Duplex::Make(4));
  Duplex ours(std::move(ends->first));
  std::string bytes(4, '\0');
  EXPECT_EQ(*co_await ours.Write(BytesOf("full")), 4u);
  Probe read([&ours, &bytes] { return ours.Read(RoomIn(bytes)); });
  Probe write([&ours] { return ours.Write(BytesOf("x")); });
  EXPECT_TRUE(co_await read.Pending());
  EXPECT_TRUE(co_await write.Pending());
  ends.reset();
  EXPECT_TRUE(co_await read.Ready());
  EXPECT_EQ(*read.Take(), 0u);
  EXPECT_TRUE(co_await write.Ready());
  EXPECT_EQ(write.Take().error(), EPIPE);
}
TEST_F(DuplexTest, AnEndThatGoesIsSeen) { Run(GoneMain()); }

// Two reads of one byte, two bytes; in every order with their cancellations.
struct ReadCase {
  BytePipe pipe{4};
  std::array<std::byte, 2> bytes{};
  std::string seen;
  Task<bool> Wait(int wait) {
    const auto slot = static_cast<size_t>(wait);
    IoResult<size_t> got = co_await BytePipe::Reading(pipe, std::span(bytes).subspan(slot, 1));
    if (!got.ok()) co_return false;
    seen += static_cast<char>(bytes[slot]);
    co_return *got == 1;
  }
  void Grant(int number) {
    const char letter = static_cast<char>('a' + number);
    EXPECT_TRUE(WriteNow(std::string_view(&letter, 1)));
  }
  bool WriteNow(std::string_view text) {
    BytePipe::Writing write(pipe, BytesOf(text));
    return pipe.MoveNow(write);
  }
  std::string Check(const CancelRun& run) {
    const int left = static_cast<int>(pipe.size());
    if (run.got + left != run.given) return "a byte was lost or doubled";
    if (seen == "aa" || seen == "bb") return "a byte was read twice";
    return run.waiting > 0 && left > 0 ? "one waits though there is a byte" : "";
  }
};
TEST(DuplexOrderTest, NoReadLosesAByteInAnyOrder) { EXPECT_EQ(FindBadOrder<ReadCase>(), ""); }

// A full pipe: two writes of a byte, two reads of one.
struct WriteCase {
  WriteCase() { EXPECT_TRUE(WriteNow("xxxx")); }
  BytePipe pipe{4};
  std::string read;
  Task<bool> Wait(int wait) {
    const char letter = static_cast<char>('a' + wait);
    const std::string text(1, letter);
    co_return (co_await BytePipe::Writing(pipe, BytesOf(text))).ok();
  }
  bool WriteNow(std::string_view text) {
    BytePipe::Writing write(pipe, BytesOf(text));
    return pipe.MoveNow(write);
  }
  void Grant(int) {
    std::array<std::byte, 1> byte;
    BytePipe::Reading reading(pipe, byte);
    EXPECT_TRUE(pipe.MoveNow(reading));
    read += static_cast<char>(byte[0]);
  }
  std::string Check(const CancelRun& run) {
    const int there = static_cast<int>(pipe.size() + read.size());
    if (there != 4 + run.got) return "a byte was lost or doubled";
    return run.waiting > 0 && pipe.size() < 4 ? "one waits though there is room" : "";
  }
};
TEST(DuplexOrderTest, NoWriteIsLostOrDoubledInAnyOrder) {
  EXPECT_EQ(FindBadOrder<WriteCase>(), "");
}

Task<void> FaultyMain() {
  auto [ours, theirs] = Duplex::Make(100);
  Faulty short_one(std::move(ours), {.most_write = 3, .write_fails_at = 7, .write_error = EIO});
  EXPECT_EQ(*co_await short_one.Write(BytesOf("abcdef")), 3u);
  const std::array<std::span<const std::byte>, 3> parts = {{{}, BytesOf("de"), BytesOf("f")}};
  EXPECT_EQ(*co_await short_one.WriteMany(parts), 2u);
  EXPECT_EQ(*co_await short_one.Write(BytesOf("fgh")), 2u);
  EXPECT_EQ((co_await short_one.Write(BytesOf("h"))).error(), EIO);
  EXPECT_EQ(short_one.written(), 7u);
  Faulty broken(std::move(theirs), {.most_read = 4, .read_fails_at = 6});
  std::string bytes(10, '\0');
  EXPECT_EQ(*co_await broken.Read(RoomIn(bytes)), 4u);
  EXPECT_EQ(*co_await broken.Read(RoomIn(bytes)), 2u);
  EXPECT_EQ((co_await broken.Read(RoomIn(bytes))).error(), ECONNRESET);
  EXPECT_EQ((co_await broken.Read(RoomIn(bytes))).error(), ECONNRESET);
}
TEST_F(DuplexTest, FaultyIsShortAndFailsAtAPlace) { Run(FaultyMain()); }

Task<void> ByChanceMain() {
  auto [ours, theirs] = Duplex::Make(1000);
  Faulty by_chance(std::move(ours), {.most_write = 5, .seed = 3});
  std::array<int, 6> sizes{};
  for (int i = 0; i < 100; ++i) {
    const size_t sent = *co_await by_chance.Write(BytesOf("0123456789"));
    EXPECT_LE(sent, 5u);
    if (sent <= 5) ++sizes[sent];
  }
  for (size_t size = 1; size <= 5; ++size) EXPECT_GT(sizes[size], 0) << size;
}
TEST_F(DuplexTest, FaultyByChance) { Run(ByChanceMain()); }

}  // namespace
}  // namespace sluice::core::testing
