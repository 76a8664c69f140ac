// Pipe: bytes in order, ends, EPIPE without a signal, and cancellation that loses nothing.
#include "core/io/pipe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "core/bytes/buf_reader.h"
#include "core/io/signals.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class PipeTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(PipeTest);

constexpr size_t kBytes = 300'000;  // more than a pipe holds

Task<void> Turns(size_t count) {
  for (size_t i = 0; i < count; ++i) co_await Yield();
}

Pipe NewPipe() {
  IoResult<Pipe> pipe = Pipe::Make();
  EXPECT_TRUE(pipe.ok());
  return std::move(*pipe);
}

Task<void> WriteAllOf(PipeWriter writer) {
  EXPECT_EQ(co_await WriteText(writer, LettersAt(0, kBytes)), kBytes);
  EXPECT_TRUE((co_await writer.Shutdown()).ok());
  EXPECT_FALSE(writer.is_open());
}
Task<void> ThroughMain() {
  Pipe pipe = NewPipe();
  JoinHandle<void> writer = Spawn(WriteAllOf(std::move(pipe.writer)));
  EXPECT_FALSE(pipe.writer.is_open());  // NOLINT(bugprone-use-after-move): what it promises
  EXPECT_TRUE(co_await ReadAll(pipe.reader, 7'001) == LettersAt(0, kBytes));
  (void)co_await std::move(writer);
  std::string more(1, '\0');
  EXPECT_EQ(*co_await pipe.reader.Read(RoomIn(more)), 0u);  // again and again
}
TEST_P(PipeTest, WhatIsWrittenIsRead) { Run(ThroughMain()); }

Task<void> PartsMain() {
  Pipe pipe = NewPipe();
  const std::array<std::span<const std::byte>, 3> parts = {BytesOf("one,"), BytesOf(""),
                                                           BytesOf("two\nthree")};
  EXPECT_EQ(*co_await pipe.writer.WriteMany(parts), 13u);
  EXPECT_EQ(*co_await pipe.writer.Write({}), 0u);
  pipe.writer.Close();
  BufReader reader(pipe.reader);
  EXPECT_EQ(**co_await reader.Line(100), "one,two");
  EXPECT_EQ(**co_await reader.Line(100), "three");
  EXPECT_FALSE((*co_await reader.Line(100)).has_value());
}
TEST_P(PipeTest, PartsAndLines) { Run(PartsMain()); }

Task<void> BrokenMain() {
  Pipe pipe = NewPipe();
  pipe.reader.Close();
  co_await Turns(2);  // a close may be delayed until the reactor's next turn
  IoResult<size_t> sent = size_t{0};
  while (sent.ok()) {
    sent = co_await pipe.writer.Write(BytesOf("x"));
    co_await Yield();
  }
  EXPECT_EQ(sent.error(), EPIPE);
}
TEST_P(PipeTest, ThereIsNoSignalWhenTheReaderHasGone) { Run(BrokenMain()); }

Task<void> BreakLater(PipeReader reader) {
  co_await Turns(5);
  reader.Close();
}
Task<void> BrokenWhileWaitingMain() {
  Pipe pipe = NewPipe();
  while (true) {  // until it is full
    auto sent = co_await Select(pipe.writer.Write(BytesOf(std::string(65'536, 'x'))), Turns(3));
    if (!sent.Get<0>().ok()) break;
  }
  JoinHandle<void> breaks = Spawn(BreakLater(std::move(pipe.reader)));
  EXPECT_EQ((co_await pipe.writer.Write(BytesOf("x"))).error(), EPIPE);
  (void)co_await std::move(breaks);
}
TEST_P(PipeTest, AWriteThatWaitsHearsThatTheReaderHasGone) { Run(BrokenWhileWaitingMain()); }

Task<void> WriteSlowly(PipeWriter writer) {
  for (size_t done = 0; done < kBytes;) {
    const std::string part = LettersAt(done, std::min<size_t>(kBytes - done, 1 + done % 601));
    EXPECT_EQ(co_await WriteText(writer, part), part.size());
    done += part.size();
    co_await Turns(done % 7);
  }
  writer.Close();  // a parameter lives as long as the handle
}
Task<void> CutReadMain() {
  Pipe pipe = NewPipe();
  std::string all;
  std::string part(300, '\0');
  auto before = co_await Select(pipe.reader.Read(RoomIn(part)), Turns(3));
  EXPECT_EQ(before.Get<0>().error(), ECANCELED);
  JoinHandle<void> writer = Spawn(WriteSlowly(std::move(pipe.writer)));
  for (size_t i = 0;; ++i) {
    auto outcome = co_await Select(pipe.reader.Read(RoomIn(part)), Turns(i % 5));
    IoResult<size_t>& got = outcome.Get<0>();
    if (!got.ok()) {
      EXPECT_EQ(got.error(), ECANCELED);
      continue;
    }
    if (*got == 0) break;
    all.append(part, 0, *got);
  }
  EXPECT_TRUE(all == LettersAt(0, kBytes));
  (void)co_await std::move(writer);
}
TEST_P(PipeTest, AReadThatIsCutShortHasReadNothing) { Run(CutReadMain()); }

Task<std::string> ReadSlowly(PipeReader reader) {
  std::string all;
  std::string part(5'000, '\0');
  while (true) {
    IoResult<size_t> got = co_await reader.Read(RoomIn(part));
    if (!got.ok() || *got == 0) co_return all;
    all.append(part, 0, *got);
    co_await Turns(*got % 7);
  }
}
Task<void> CutWriteMain() {
  Pipe pipe = NewPipe();
  JoinHandle<std::string> reader = Spawn(ReadSlowly(std::move(pipe.reader)));
  const std::string text = LettersAt(0, 2 * kBytes);
  size_t sent = 0;
  size_t cut_short = 0;
  for (size_t i = 0; sent < text.size(); ++i) {
    std::string part = text.substr(sent, 90'000);
    auto outcome = co_await Select(pipe.writer.Write(BytesOf(part)), Turns(i % 6));
    part.assign(part.size(), '!');  // it is ours again
    if (outcome.Get<0>().ok()) {
      sent += *outcome.Get<0>();
    } else {
      EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
      ++cut_short;
    }
  }
  pipe.writer.Close();
  EXPECT_GT(cut_short, 0u);
  EXPECT_TRUE((co_await std::move(reader)).value() == text);
}
TEST_P(PipeTest, AWriteThatIsCutShortSaysHowMuch) { Run(CutWriteMain()); }

// A thread that is no worker closes what a worker has waited for: its number is used again.
Task<void> GoesElsewhereMain() {
  int reused = 0;
  for (int i = 0; i < 3; ++i) {
    Pipe pipe = NewPipe();
    std::string part(10, '\0');
    auto before = co_await Select(pipe.reader.Read(RoomIn(part)), Turns(3));
    EXPECT_EQ(before.Get<0>().error(), ECANCELED);
    const int number = pipe.reader.fd();
    std::thread([gone = std::move(pipe)] {}).join();
    Pipe next = NewPipe();
    reused += next.reader.fd() == number ? 1 : 0;
    JoinHandle<void> writer = Spawn([](PipeWriter to) -> Task<void> {
      co_await Turns(5);
      EXPECT_EQ(*co_await to.Write(BytesOf("there")), 5u);
    }(std::move(next.writer)));
    auto got = co_await Select(next.reader.Read(RoomIn(part)), Sleep(10s));
    EXPECT_TRUE(got.Get<0>().ok()) << "it has not heard of the bytes";
    (void)co_await std::move(writer);
  }
  EXPECT_GT(reused, 0);
}
TEST_P(PipeTest, OneThatGoesOnAnotherThreadLeavesNoNoteOfItsNumber) { Run(GoesElsewhereMain()); }

// Nor does a stream of signals that no one has closed.
Task<void> SignalsGoMain() {
  {
    SignalStream signals({SIGUSR2});
    auto none = co_await Select(signals.Next(), Turns(3));
    EXPECT_EQ(none.Get<0>().error(), ECANCELED);
  }
  Pipe pipe = NewPipe();
  JoinHandle<void> writer = Spawn([](PipeWriter to) -> Task<void> {
    co_await Turns(5);
    EXPECT_EQ(*co_await to.Write(BytesOf("there")), 5u);
  }(std::move(pipe.writer)));
  std::string part(10, '\0');
  auto got = co_await Select(pipe.reader.Read(RoomIn(part)), Sleep(10s));
  EXPECT_TRUE(got.Get<0>().ok()) << "it has not heard of the bytes";
  (void)co_await std::move(writer);
}
TEST_P(PipeTest, ASignalStreamThatGoesLeavesNoNoteOfItsNumber) { Run(SignalsGoMain()); }

Task<void> ReadClosedMain() {
  Pipe pipe = NewPipe();
  pipe.reader.Close();
  std::string bytes(1, '\0');
  (void)co_await pipe.reader.Read(RoomIn(bytes));
}
TEST_P(PipeTest, AReadOfWhatIsClosedEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Run(ReadClosedMain()), "it is closed");
}

}  // namespace
}  // namespace sluice::core::testing
