// Copy, CopyBidirectional: short reads and writes, ends, errors, and every cut.
#include "core/bytes/copy.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "core/bytes/span_reader.h"
#include "core/bytes/whole.h"
#include "core/task/join.h"
#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "tests/core/bytes/cut.h"

namespace sluice::core::testing {
namespace {

class CopyTest : public OneWorkerTest {};

Task<Transferred> CopyAndEnd(auto& from, auto& to, size_t size) {
  CopyBuffer buffer(size);
  const Transferred copied = co_await Copy(from, to, buffer);
  EXPECT_TRUE(buffer.unsent().empty());
  EXPECT_TRUE((co_await to.Shutdown()).ok());
  co_return copied;
}
Task<std::string> AllOf(Duplex& stream) {
  std::string all;
  co_await ReadRest(stream, all);
  co_return all;
}
Task<void> CopyMain() {
  const std::string text = LettersAt(0, 5000);
  for (const size_t size : {1, 7, 1000, 16384}) {
    auto [ours, theirs] = Duplex::Make(300);
    Faulty from(SpanReader(BytesOf(text)), {.most_read = 50, .seed = size});
    Faulty to(std::move(ours), {.most_write = 20, .seed = size});
    auto [copied, all] = co_await Join(CopyAndEnd(from, to, size), AllOf(theirs));
    EXPECT_TRUE(copied.ok());
    EXPECT_EQ(copied.bytes(), 5000u);
    EXPECT_TRUE(all == text);
  }
}
TEST_F(CopyTest, UntilTheEnd) { Run(CopyMain()); }

// One buffer for one stream after the other.
Task<void> AgainMain() {
  auto [to, sink] = Duplex::Make(100);
  CopyBuffer buffer;
  for (const std::string_view text : {"one ", "two ", "", "three "}) {
    SpanReader from(BytesOf(text));
    const Transferred copied = co_await Copy(from, to, buffer);
    EXPECT_TRUE(copied.ok());
    EXPECT_EQ(copied.bytes(), text.size());
    EXPECT_EQ((co_await Copy(from, to, buffer)).bytes(), 0u);  // its end again
  }
  SpanReader last(BytesOf("four"));
  EXPECT_EQ((co_await Copy(last, to)).bytes(), 4u);  // with a buffer of its own
  EXPECT_TRUE((co_await to.Shutdown()).ok());
  EXPECT_EQ(co_await AllOf(sink), "one two three four");
}
TEST_F(CopyTest, ABufferMayBeUsedForOneStreamAfterTheOther) { Run(AgainMain()); }

// The buffer is as large as what comes at once needs, and no larger than it may be.
Task<void> GrowMain() {
  auto [source, from] = Duplex::Make(200'000);
  auto [to, sink] = Duplex::Make(200'000);
  CopyBuffer buffer(40'000);
  EXPECT_EQ(buffer.capacity(), 0u);
  Probe copy([&] { return Copy(from, to, buffer); });
  EXPECT_TRUE(co_await copy.Pending());
  EXPECT_EQ(buffer.capacity(), CopyBuffer::kFirst);
  std::string sent;
  for (const size_t size : {1000, 100'000, 10, 10}) {
    const std::string text = LettersAt(sent.size(), size);
    sent += text;
    EXPECT_TRUE((co_await WriteAll(source, BytesOf(text))).ok());
    EXPECT_TRUE(co_await copy.Pending());
    EXPECT_EQ(buffer.capacity(), size == 100'000 ? 40'000 : CopyBuffer::kFirst) << size;
  }
  EXPECT_EQ((co_await copy.Cancel()).error(), ECANCELED);
  EXPECT_TRUE((co_await to.Shutdown()).ok());
  std::string all;
  co_await ReadRest(sink, all);
  EXPECT_TRUE(all == sent);
}
TEST_F(CopyTest, TheBufferIsAsLargeAsWhatComes) { Run(GrowMain()); }

Task<void> CopyErrorsMain() {
  auto [ours, theirs] = Duplex::Make(100);
  Faulty to(std::move(ours), {.write_fails_at = 5, .write_error = EIO});
  SpanReader from(BytesOf("0123456789"));
  CopyBuffer buffer(4);
  const Transferred copied = co_await Copy(from, to, buffer);
  EXPECT_EQ(copied.error(), EIO);
  EXPECT_EQ(copied.bytes(), 5u);
  EXPECT_EQ(TextOf(buffer.unsent()), "567");
  EXPECT_EQ(TextOf(from.left()), "89");
  Faulty broken(SpanReader(BytesOf("0123")), {.read_fails_at = 2});
  CopyBuffer other;
  const Transferred read = co_await Copy(broken, theirs, other);
  EXPECT_EQ(read.error(), ECONNRESET);
  EXPECT_EQ(read.bytes(), 2u);
}
TEST_F(CopyTest, ErrorsSayWhereTheBytesAre) { Run(CopyErrorsMain()); }

Task<void> CopyCut(const Cuts& cuts) {
  auto [source, from] = Duplex::Make(100);
  auto [to, sink] = Duplex::Make(100);
  CopyBuffer buffer(2);
  uint64_t bytes = 0;
  const Transferred last = co_await RunCut(
      cuts, [&, &from = from, &to = to] { return Copy(from, to, buffer); }, Feed(source, "abcde"),
      [&bytes](const Transferred& cut) { bytes += cut.bytes(); });
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(bytes + last.bytes(), 5u);
  EXPECT_TRUE((co_await to.Shutdown()).ok());
  EXPECT_EQ(co_await AllOf(sink), "abcde");
}
TEST_F(CopyTest, CutAnywhereWhileItReads) { Run(ForAllCuts(6, CopyCut)); }

Task<void> CopyCutWhileItWrites(const Cuts& cuts) {
  SpanReader from(BytesOf("abcdefg"));
  auto [to, sink] = Duplex::Make(1);
  CopyBuffer buffer(3);
  std::string read;
  uint64_t bytes = 0;
  const Transferred last = co_await RunCut(
      cuts, [&, &to = to] { return Copy(from, to, buffer); }, Drink(sink, read),
      [&bytes](const Transferred& cut) { bytes += cut.bytes(); });
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(bytes + last.bytes(), 7u);
  EXPECT_TRUE((co_await to.Shutdown()).ok());
  co_await ReadRest(sink, read);
  EXPECT_EQ(read, "abcdefg");
}
TEST_F(CopyTest, CutAnywhereWhileItWrites) { Run(ForAllCuts(6, CopyCutWhileItWrites)); }

Task<void> SayAndEnd(Duplex& stream, std::string text) {
  for (size_t done = 0; done < text.size();) {
    done += *co_await stream.Write(BytesOf(text).subspan(done));
  }
  EXPECT_TRUE((co_await stream.Shutdown()).ok());
}
// The second side answers only when the first has ended.
Task<std::string> AnswerAtTheEnd(Duplex& stream, std::string text) {
  std::string all = co_await AllOf(stream);
  co_await SayAndEnd(stream, std::move(text));
  co_return all;
}
Task<void> BothWaysMain() {
  auto [client, a] = Duplex::Make(30);
  auto [b, server] = Duplex::Make(20);
  auto all = co_await Join(CopyBidirectional(a, b), SayAndEnd(client, LettersAt(0, 1000)),
                           AnswerAtTheEnd(server, LettersAt(7, 2000)), AllOf(client));
  const CopyResult& result = std::get<0>(all);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.a_to_b, 1000u);
  EXPECT_EQ(result.b_to_a, 2000u);
  EXPECT_TRUE(std::get<2>(all) == LettersAt(0, 1000));
  EXPECT_TRUE(std::get<3>(all) == LettersAt(7, 2000));
}
TEST_F(CopyTest, BothWaysAnEndIsPassedOn) { Run(BothWaysMain()); }

Task<void> BothAgainMain() {
  CopyBuffer there(8);
  CopyBuffer back(8);
  for (const OnEnd on_end : {OnEnd::kPassOn, OnEnd::kEndBoth, OnEnd::kPassOn}) {
    auto [client, a] = Duplex::Make(30);
    auto [b, server] = Duplex::Make(20);
    co_await SayAndEnd(client, "question");
    if (on_end == OnEnd::kPassOn) co_await SayAndEnd(server, "answer");
    EXPECT_TRUE((co_await CopyBidirectional(a, b, there, back, on_end)).ok());
    EXPECT_EQ(co_await AllOf(server), "question");
    if (on_end == OnEnd::kPassOn) EXPECT_EQ(co_await AllOf(client), "answer");
  }
}
TEST_F(CopyTest, BothWaysWithTheBuffersOfOthersBefore) { Run(BothAgainMain()); }

Task<void> EndBothMain() {
  auto [client, a] = Duplex::Make(30);
  auto [b, server] = Duplex::Make(20);
  Probe copy([&a = a, &b = b] { return CopyBidirectional(a, b, OnEnd::kEndBoth); });
  EXPECT_TRUE(co_await copy.Pending());
  co_await SayAndEnd(server, "bye");
  EXPECT_TRUE(co_await copy.Ready());
  const CopyResult result = copy.Take();
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.a_to_b, 0u);
  EXPECT_EQ(result.b_to_a, 3u);
  EXPECT_EQ(co_await AllOf(client), "bye");
}
TEST_F(CopyTest, BothWaysTheFirstEndIsThatOfAll) { Run(EndBothMain()); }

Task<void> BothErrorMain() {
  auto [client, a] = Duplex::Make(30);
  auto [b, server] = Duplex::Make(20);
  Faulty broken(std::move(b), {.write_fails_at = 4, .write_error = EIO});
  Probe copy([&a = a, &broken] { return CopyBidirectional(a, broken); });
  EXPECT_TRUE(co_await copy.Pending());
  EXPECT_EQ(*co_await client.Write(BytesOf("0123456789")), 10u);
  EXPECT_TRUE(co_await copy.Ready());  // though the server says nothing
  const CopyResult result = copy.Take();
  EXPECT_EQ(result.error, EIO);
  EXPECT_EQ(result.a_to_b, 4u);
}
TEST_F(CopyTest, BothWaysAnErrorEndsBoth) { Run(BothErrorMain()); }

// Steps: a byte from one side, then one from the other, and at last both ends.
Task<void> BothCut(const Cuts& cuts) {
  auto [client, a] = Duplex::Make(30);
  auto [b, server] = Duplex::Make(30);
  CopyBuffer a_to_b(2);
  CopyBuffer b_to_a(2);
  Feed from_client(client, "ab");
  Feed from_server(server, "cd");
  size_t at = 0;
  struct Result : CopyResult {
    explicit Result(CopyResult result) : CopyResult(result), code(result.error) {}
    int error() const { return code; }
    int code;
  };
  const auto copy = [&, &a = a, &b = b]() -> Task<Result> {
    co_return Result(co_await CopyBidirectional(a, b, a_to_b, b_to_a));
  };
  const auto step = [&]() -> Task<void> { return at++ % 2 == 0 ? from_client() : from_server(); };
  uint64_t there = 0;
  uint64_t back = 0;
  const auto count = [&](const Result& part) {
    there += part.a_to_b;
    back += part.b_to_a;
  };
  const Result last = co_await RunCut(cuts, copy, step, count);
  count(last);
  EXPECT_TRUE(last.ok());
  EXPECT_EQ(there, 2u);
  EXPECT_EQ(back, 2u);
  EXPECT_EQ(co_await AllOf(server), "ab");
  EXPECT_EQ(co_await AllOf(client), "cd");
}
TEST_F(CopyTest, BothWaysCutAnywhere) { Run(ForAllCuts(6, BothCut)); }

}  // namespace
}  // namespace sluice::core::testing
