// FrameReader, FrameWriter: the wire, limits, ends, and every cut.
#include "core/bytes/frames.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/bytes/span_reader.h"
#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "tests/core/bytes/cut.h"

namespace sluice::core::testing {
namespace {

class FramesTest : public OneWorkerTest {};

std::string Framed(std::string_view text) {
  const auto header = BigEndian(static_cast<uint32_t>(text.size()));
  return std::string(TextOf(header)) + std::string(text);
}

Task<void> ThereAndBackMain() {
  auto [ours, theirs] = Duplex::Make(10);
  Faulty out(std::move(ours), {.most_write = 3});
  Faulty in(std::move(theirs), {.most_read = 2});
  FrameWriter writer(out, 20);
  BufReader reader(in);
  FrameReader frames(reader, 20);
  for (size_t size = 0; size <= 20; ++size) {
    const std::string text = LettersAt(size, size);
    Probe send([&] { return writer.Send(BytesOf(text)); });
    (void)co_await send.Pending();
    auto frame = co_await frames.Next();
    EXPECT_TRUE(frame.ok() && frame->has_value());
    EXPECT_EQ(TextOf(**frame), text);
    EXPECT_TRUE(co_await send.Ready());
    EXPECT_TRUE(send.Take().ok());
  }
  EXPECT_EQ((co_await writer.Send(BytesOf(LettersAt(0, 21)))).error(), kTooLarge);
  EXPECT_TRUE((co_await out.Shutdown()).ok());
  EXPECT_FALSE((co_await frames.Next())->has_value());
}
TEST_F(FramesTest, ThereAndBack) { Run(ThereAndBackMain()); }

// A text as it is on the wire: what comes of it.
Task<std::string> Read(std::string wire, uint32_t most) {
  SpanReader stream(BytesOf(wire));
  BufReader reader(stream, /*first=*/2);
  FrameReader frames(reader, most);
  std::string all;
  while (true) {
    auto frame = co_await frames.Next();
    if (!frame.ok()) co_return all + "error " + std::to_string(frame.error());
    if (!frame->has_value()) co_return all + "end";
    all += std::string(TextOf(**frame)) + " ";
    EXPECT_LE(reader.capacity(), 200u);
  }
}
Task<void> WireMain() {
  const std::string early = "error " + std::to_string(kEndedEarly);
  EXPECT_EQ(co_await Read("", 5), "end");
  EXPECT_EQ(co_await Read(Framed("abc") + Framed("") + Framed("12345"), 5), "abc  12345 end");
  EXPECT_EQ(co_await Read(Framed("abc") + Framed("123456"), 5),
            "abc error " + std::to_string(kTooLarge));
  EXPECT_EQ(co_await Read("\xff\xff\xff\xff and more", 1 << 20),
            "error " + std::to_string(kTooLarge));
  for (size_t cut = 1; cut < 7; ++cut) {
    EXPECT_EQ(co_await Read(Framed("abc").substr(0, cut), 5), early) << cut;
  }
}
TEST_F(FramesTest, TheWire) { Run(WireMain()); }

Task<void> NextCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(100);
  BufReader reader(theirs, /*first=*/2);
  FrameReader frames(reader, 10);
  auto frame = co_await RunCut(
      cuts, [&] { return frames.Next(); }, Feed(ours, Framed("abc")), [](const auto&) {});
  EXPECT_TRUE(frame.ok() && frame->has_value());
  EXPECT_EQ(TextOf(**frame), "abc");
}
TEST_F(FramesTest, NextCutAnywhere) { Run(ForAllCuts(7, NextCut)); }

// Two frames through a stream that takes a byte at a time; each Send may be cut short. One that
// says that it has sent nothing is sent again; the other end gets both frames, whole.
Task<void> SendCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10);
  std::string wire;
  const IoResult<void> first = co_await RunCut(
      cuts, [&] { return writer.Send(BytesOf("ab")); }, Drink(theirs, wire), [](const auto&) {});
  EXPECT_TRUE(first.ok());
  Probe second([&] { return writer.Send(BytesOf("cd")); });
  (void)co_await second.Pending();
  while (co_await second.Pending()) co_await Drink(theirs, wire)();
  EXPECT_TRUE(second.Take().ok());
  EXPECT_EQ(writer.unsent(), 0u);
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, wire);
  EXPECT_EQ(wire, Framed("ab") + Framed("cd"));
}
TEST_F(FramesTest, SendCutAnywhere) { Run(ForAllCuts(5, SendCut)); }

// The same of a frame that is not copied: cut short before it, inside of it, and near its end.
Task<void> LargeSendCut(size_t taken) {
  const std::string large = LettersAt(0, kSmallFrame + 1);
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10'000);
  std::string wire;
  Probe send([&] { return writer.Send(BytesOf(large)); });
  EXPECT_TRUE(co_await send.Pending());
  while (wire.size() < taken) {
    co_await Drink(theirs, wire)();
    EXPECT_TRUE(co_await send.Pending());
  }
  EXPECT_TRUE((co_await send.Cancel()).ok());  // a byte of it is out: it is taken
  EXPECT_EQ(writer.unsent() + wire.size() + 1, kFrameHeader + large.size());
  Probe next([&] { return writer.Send(BytesOf("next")); });
  while (co_await next.Pending()) co_await Drink(theirs, wire)();
  EXPECT_TRUE(next.Take().ok());
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, wire);
  EXPECT_EQ(wire, Framed(large) + Framed("next"));
}
TEST_F(FramesTest, ALargeFrameCutAnywhere) {
  for (const size_t taken : {0, 3, 4, 5, 700, 1026}) Run(LargeSendCut(taken));
}

// What is still kept goes out, and then the end.
Task<void> FlushAndEnd(FrameWriter<Duplex>& writer, Duplex& ours, Duplex& theirs,
                       std::string& wire) {
  Probe flush([&] { return writer.Flush(); });
  while (co_await flush.Pending()) co_await Drink(theirs, wire)();
  EXPECT_TRUE(flush.Take().ok());
  EXPECT_EQ(writer.unsent(), 0u);
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, wire);
}

// Frames that are fed go out when there is enough of them, before the next one, and with a Flush;
// what is cut short has not taken its frame.
Task<void> FeedMain() {
  auto [ours, theirs] = Duplex::Make(kFedAtOnce);
  FrameWriter writer(ours, 1000);
  std::string sent;
  std::string wire;
  for (size_t i = 0; sent.size() < kFedAtOnce; ++i) {
    const std::string text = LettersAt(i, 100 + i % 3);
    EXPECT_TRUE((co_await writer.Feed(BytesOf(text))).ok());
    sent += Framed(text);
    EXPECT_EQ(writer.unsent(), sent.size());  // nothing is out
  }
  EXPECT_EQ((co_await writer.Feed(BytesOf(LettersAt(0, 1001)))).error(), kTooLarge);
  // More than the stream takes: this one waits.
  Probe feed([&] { return writer.Feed(BytesOf("after")); });
  EXPECT_TRUE(co_await feed.Pending());
  EXPECT_EQ((co_await feed.Cancel()).error(), ECANCELED);
  EXPECT_EQ(writer.unsent(), sent.size() - kFedAtOnce);
  EXPECT_TRUE((co_await writer.Feed(BytesOf("next"))).ok());
  co_await FlushAndEnd(writer, ours, theirs, wire);
  EXPECT_EQ(wire, sent + Framed("next"));
}
TEST_F(FramesTest, FedFramesGoOutTogether) { Run(FeedMain()); }

Task<void> FlushCut(const Cuts& cuts) {
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10);
  std::string wire;
  Probe send([&] { return writer.Send(BytesOf("ab")); });
  EXPECT_TRUE(co_await send.Pending());
  EXPECT_TRUE((co_await send.Cancel()).ok());  // a byte of it is out: it is taken
  EXPECT_EQ(writer.unsent(), 5u);
  const IoResult<void> flushed = co_await RunCut(
      cuts, [&] { return writer.Flush(); }, Drink(theirs, wire), [](const auto&) {});
  EXPECT_TRUE(flushed.ok());
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  co_await ReadRest(theirs, wire);
  EXPECT_EQ(wire, Framed("ab"));
}
TEST_F(FramesTest, FlushCutAnywhere) { Run(ForAllCuts(5, FlushCut)); }

// One branch sends, and another one feeds in its pauses. `size`: of the frame that a Send sends;
// nothing: it is a Flush.
Task<void> FedInPauses(std::optional<size_t> size) {
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10'000);
  std::string wire;
  const std::string text = LettersAt(0, size.value_or(0));
  EXPECT_TRUE((co_await writer.Feed(BytesOf("before"))).ok());
  Probe call([&] { return size.has_value() ? writer.Send(BytesOf(text)) : writer.Flush(); });
  std::string fed;
  for (size_t i = 0; co_await call.Pending(); ++i) {
    if (i < 20) {  // less than what a Feed sends first
      const std::string beside = LettersAt(i, 50 + i);
      EXPECT_TRUE((co_await writer.Feed(BytesOf(beside))).ok());
      fed += Framed(beside);
    }
    co_await Drink(theirs, wire)();
  }
  EXPECT_TRUE(call.Take().ok());
  EXPECT_EQ(writer.unsent(), fed.size());
  co_await FlushAndEnd(writer, ours, theirs, wire);
  EXPECT_EQ(wire, Framed("before") + (size.has_value() ? Framed(text) : "") + fed);
}
TEST_F(FramesTest, AnotherBranchFeedsBesideAFlush) { Run(FedInPauses(std::nullopt)); }
TEST_F(FramesTest, AnotherBranchFeedsBesideASend) { Run(FedInPauses(15)); }
TEST_F(FramesTest, AnotherBranchFeedsBesideALargeSend) { Run(FedInPauses(kSmallFrame + 1)); }

// The same, and the Send is cut short when `out` bytes are: what was fed stays whole, before and
// behind the frame, whether that has been taken or not.
Task<void> FedAndCut(size_t size, size_t out) {
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10'000);
  std::string wire;
  const std::string text = LettersAt(0, size);
  EXPECT_TRUE((co_await writer.Feed(BytesOf("before"))).ok());
  Probe send([&] { return writer.Send(BytesOf(text)); });
  EXPECT_TRUE(co_await send.Pending());
  EXPECT_TRUE((co_await writer.Feed(BytesOf("beside"))).ok());
  for (size_t taken = 1; taken < out; ++taken) {
    co_await Drink(theirs, wire)();
    EXPECT_TRUE(co_await send.Pending());
  }
  const IoResult<void> cut = co_await send.Cancel();
  const bool is_taken = out > Framed("before").size();
  EXPECT_EQ(cut.ok(), is_taken) << out;
  if (!is_taken) EXPECT_EQ(cut.error(), ECANCELED);
  co_await FlushAndEnd(writer, ours, theirs, wire);
  EXPECT_EQ(wire, Framed("before") + (is_taken ? Framed(text) : "") + Framed("beside")) << out;
}
TEST_F(FramesTest, WhatIsFedBesideACutSendStaysWhole) {
  for (const size_t size : {size_t{5}, kSmallFrame + 1}) {
    for (size_t out = 1; out < 19; ++out) Run(FedAndCut(size, out));
  }
}

// What would have to send waits for the branch that does, also a Feed when enough is kept.
Task<void> InTurnMain() {
  auto [ours, theirs] = Duplex::Make(1);
  FrameWriter writer(ours, 10'000);
  std::string wire;
  EXPECT_TRUE((co_await writer.Feed(BytesOf("first"))).ok());
  Probe flush([&] { return writer.Flush(); });
  EXPECT_TRUE(co_await flush.Pending());
  const std::string much = LettersAt(0, kFedAtOnce);
  EXPECT_TRUE((co_await writer.Feed(BytesOf(much))).ok());
  Probe feed([&] { return writer.Feed(BytesOf("fed")); });
  EXPECT_TRUE(co_await feed.Pending());
  Probe cut([&] { return writer.Send(BytesOf("cut")); });
  EXPECT_TRUE(co_await cut.Pending());
  Probe send([&] { return writer.Send(BytesOf("sent")); });
  EXPECT_TRUE(co_await send.Pending());
  EXPECT_EQ((co_await cut.Cancel()).error(), ECANCELED);
  while (co_await send.Pending()) co_await Drink(theirs, wire)();
  EXPECT_TRUE(co_await flush.Ready());
  EXPECT_TRUE(flush.Take().ok());
  EXPECT_TRUE(co_await feed.Ready());
  EXPECT_TRUE(feed.Take().ok());
  EXPECT_TRUE(send.Take().ok());
  co_await FlushAndEnd(writer, ours, theirs, wire);
  std::string fed_first = Framed("first") + Framed(much) + Framed("fed") + Framed("sent");
  std::string sent_first = Framed("first") + Framed(much) + Framed("sent") + Framed("fed");
  EXPECT_TRUE(wire == fed_first || wire == sent_first);
}
TEST_F(FramesTest, OneBranchSendsAndTheOthersWait) { Run(InTurnMain()); }

// Fed frames that an error has kept back are not lost with the frame of the Send.
Task<void> ErrorMain() {
  auto [ours, theirs] = Duplex::Make(100);
  Faulty out(std::move(ours), {.write_fails_at = 4, .write_error = EIO});
  FrameWriter writer(out, 100);
  EXPECT_TRUE((co_await writer.Feed(BytesOf("abcdef"))).ok());
  EXPECT_EQ((co_await writer.Send(BytesOf("lost"))).error(), EIO);
  EXPECT_EQ(writer.unsent(), 6u);
}
TEST_F(FramesTest, AnErrorDropsTheFrameOfTheSendOnly) { Run(ErrorMain()); }

}  // namespace
}  // namespace sluice::core::testing
