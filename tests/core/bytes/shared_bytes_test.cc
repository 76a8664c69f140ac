// SharedBytes: pieces, what is not copied, when the bytes go, and counts from many threads.
#include "core/bytes/shared_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::core {
namespace {

const std::string kText = "a text that is longer than what fits into a string itself";

TEST(SharedBytesTest, OfStringsAndVectorsWithoutACopy) {
  std::string text = kText;
  const void* const where = text.data();
  const SharedBytes of_text(std::move(text));
  EXPECT_EQ(of_text.bytes().data(), where);
  EXPECT_EQ(of_text.text(), kText);

  std::vector<std::byte> vector(1000, std::byte{7});
  const void* const place = vector.data();
  const SharedBytes of_vector(std::move(vector));
  EXPECT_EQ(of_vector.bytes().data(), place);
  EXPECT_EQ(of_vector.size(), 1000u);

  const SharedBytes short_one(std::string("short"));  // its bytes lie in the string itself
  EXPECT_EQ(short_one.text(), "short");
  const SharedBytes copy = SharedBytes::CopyOf(of_text.bytes());
  EXPECT_EQ(copy, of_text);
  EXPECT_NE(copy.bytes().data(), of_text.bytes().data());
  EXPECT_EQ(SharedBytes::CopyOf("text").text(), "text");
}

TEST(SharedBytesTest, OfNothingAndOfStaticText) {
  for (const SharedBytes& none :
       {SharedBytes(), SharedBytes(std::string()), SharedBytes::OfStatic(""),
        SharedBytes::CopyOf(std::span<const std::byte>())}) {
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.pieces(), 0u);
    EXPECT_EQ(none.Slice(0), none);
  }
  static constexpr std::string_view kLiteral = "GET / HTTP/1.1";
  const SharedBytes literal = SharedBytes::OfStatic(kLiteral);
  EXPECT_EQ(literal.text().data(), kLiteral.data());
  EXPECT_EQ(literal.Slice(4, 1).text(), "/");
  EXPECT_EQ(literal.pieces(), 0u);
}

TEST(SharedBytesTest, PiecesAreOfTheSameBytes) {
  SharedBytes all{std::string(kText)};
  const std::byte* const begin = all.bytes().data();
  const SharedBytes slice = all.Slice(2, 4);
  EXPECT_EQ(slice.text(), "text");
  EXPECT_EQ(slice.bytes().data(), begin + 2);
  EXPECT_EQ(slice.Slice(1).text(), "ext");
  EXPECT_EQ(slice.Slice(1, 2).text(), "ex");
  EXPECT_EQ(slice.Slice(4).text(), "");
  EXPECT_EQ(all.text(), kText);

  SharedBytes front = all.SplitTo(7);
  EXPECT_EQ(front.text(), "a text ");
  EXPECT_EQ(all.text(), kText.substr(7));
  EXPECT_EQ(all.bytes().data(), begin + 7);
  const SharedBytes tail = front.SplitOff(1);
  EXPECT_EQ(front.text(), "a");
  EXPECT_EQ(tail.text(), " text ");
  EXPECT_EQ(all.SplitTo(0).text(), "");
  EXPECT_EQ(all.SplitTo(all.size()).text(), kText.substr(7));
  EXPECT_TRUE(all.empty());
  EXPECT_EQ(all.pieces(), 0u);
}

TEST(SharedBytesTest, TheBytesGoWithTheLastPiece) {
  SharedBytes all{std::string(kText)};
  EXPECT_EQ(all.pieces(), 1u);
  SharedBytes copy = all;
  SharedBytes slice = copy.Slice(3, 2);
  EXPECT_EQ(all.pieces(), 3u);
  SharedBytes moved = std::move(copy);
  EXPECT_EQ(all.pieces(), 3u);
  EXPECT_TRUE(copy.empty());  // NOLINT: what has been moved from is empty
  moved = {};
  all = SharedBytes::CopyOf("else");
  EXPECT_EQ(slice.pieces(), 1u);
  EXPECT_EQ(slice.text(), "ex");  // asan: still there
  slice = slice.Slice(0);
  EXPECT_EQ(slice.text(), "ex");
  EXPECT_EQ(slice.pieces(), 1u);
}

TEST(SharedBytesTest, ComparesByContent) {
  const SharedBytes a = SharedBytes::CopyOf("a");
  EXPECT_EQ(a, SharedBytes::OfStatic("xay").Slice(1, 1));
  EXPECT_NE(a, SharedBytes());
  EXPECT_LT(a, SharedBytes::OfStatic("aa"));
  EXPECT_LT(SharedBytes::OfStatic("\x7f"), SharedBytes::OfStatic("\xff"));
  std::map<SharedBytes, int> values;
  values[a] = 7;
  EXPECT_EQ(values[SharedBytes::OfStatic("a")], 7);
}

TEST(SharedBytesDeathTest, BeyondTheEnd) {
  SharedBytes four = SharedBytes::OfStatic("four");
  EXPECT_DEATH((void)four.Slice(5), "offset <= size");
  EXPECT_DEATH((void)four.Slice(2, 3), "offset \\+ count <= size");
  EXPECT_DEATH((void)four.Slice(2, SIZE_MAX), "offset \\+ count <= size");
  EXPECT_DEATH((void)four.SplitTo(5), "offset \\+ count <= size");
  EXPECT_DEATH((void)four.SplitOff(5), "offset <= size");
}

// Threads copy, cut and drop pieces of the same bytes; the last one to go frees them.
TEST(SharedBytesTest, PiecesInManyThreads) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    SharedBytes all{std::string(kText)};
    std::atomic<int> ready{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&ready, &wrong, mine = all]() mutable {
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        for (int n = 0; n < 200; ++n) {
          SharedBytes copy = mine;
          const SharedBytes first = copy.SplitTo(7);
          if (first.text() != "a text " || copy.size() != kText.size() - 7) ++wrong;
        }
        mine = mine.Slice(2, 4);
        if (mine.text() != "text") ++wrong;
      });
    }
    all = {};  // while they run
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace sluice::core
