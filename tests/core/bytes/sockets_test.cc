// The functions of core/bytes over sockets, on both backends, also cut short at any moment.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes/buf_reader.h"
#include "core/bytes/copy.h"
#include "core/bytes/frames.h"
#include "core/bytes/whole.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class SocketsTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(SocketsTest);

Task<void> Turns(size_t count) {
  for (size_t i = 0; i < count; ++i) co_await Yield();
}

constexpr size_t kUnits = 1500;
std::string UnitOf(size_t number) { return std::string(number * 31 % 700, 'a' + number % 26); }

Task<void> SendLines(TcpStream stream) {
  for (size_t i = 0; i < kUnits; ++i) {
    const std::string line = UnitOf(i) + (i % 2 == 0 ? "\n" : "\r\n");
    EXPECT_TRUE((co_await WriteAll(stream, BytesOf(line))).ok());
    if (i % 16 == 0) co_await Yield();
  }
  stream.Close();
}
Task<void> LinesMain() {
  auto [ours, theirs] = co_await MakePair<TcpStream>();
  JoinHandle<void> sender = Spawn(SendLines(std::move(theirs)));
  BufReader reader(ours);
  size_t cut_short = 0;
  for (size_t turn = 0, next = 0;; ++turn) {
    auto outcome = co_await Select(reader.Line(1000), Turns(turn % 4));
    auto& line = outcome.Get<0>();
    if (!line.ok() && line.error() == ECANCELED) {
      ++cut_short;
      continue;
    }
    EXPECT_TRUE(line.ok());
    if (!line.ok()) break;
    if (!line->has_value()) {
      EXPECT_EQ(next, kUnits);
      break;
    }
    EXPECT_EQ(**line, UnitOf(next));
    ++next;
  }
  EXPECT_GT(cut_short, 0u);
  (void)co_await std::move(sender);
}
TEST_P(SocketsTest, LinesCutShortAtAnyMoment) { Run(LinesMain()); }

// The one that sends is cut short, too: a frame that was not taken is sent again.
Task<size_t> SendFrames(UnixStream stream) {
  FrameWriter writer(stream, 1000);
  size_t cut_short = 0;
  for (size_t i = 0, turn = 0; i < kUnits; ++turn) {
    auto outcome = co_await Select(writer.Send(BytesOf(UnitOf(i))), Turns(turn % 3));
    if (outcome.Get<0>().ok()) {
      ++i;
    } else {
      EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
      ++cut_short;
    }
  }
  EXPECT_TRUE((co_await writer.Flush()).ok());
  stream.Close();
  co_return cut_short;
}
Task<void> FramesMain() {
  auto [ours, theirs] = co_await MakePair<UnixStream>();
  const int few = 4096;  // bytes on their way, so that a Send has to wait
  EXPECT_EQ(setsockopt(theirs.fd(), SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
  JoinHandle<size_t> sender = Spawn(SendFrames(std::move(theirs)));
  BufReader reader(ours);
  FrameReader frames(reader, 1000);
  for (size_t turn = 0, next = 0;; ++turn) {
    auto outcome = co_await Select(frames.Next(), Turns(turn % 4));
    auto& frame = outcome.Get<0>();
    if (!frame.ok() && frame.error() == ECANCELED) continue;
    EXPECT_TRUE(frame.ok());
    if (!frame.ok()) break;
    if (!frame->has_value()) {
      EXPECT_EQ(next, kUnits);
      break;
    }
    EXPECT_EQ(TextOf(**frame), UnitOf(next));
    ++next;
  }
  EXPECT_GT((co_await std::move(sender)).value(), 0u);
}
TEST_P(SocketsTest, FramesCutShortAtAnyMoment) { Run(FramesMain()); }

// client ── client_side ══ CopyBidirectional ══ server_side ── server, which echoes.
Task<CopyResult> Between(TcpStream a, UnixStream b) { co_return co_await CopyBidirectional(a, b); }
Task<uint64_t> EchoAll(UnixStream stream) {
  CopyBuffer buffer;
  auto [in, out] = stream.Split();
  const Transferred copied = co_await Copy(in, out, buffer);
  EXPECT_TRUE(copied.ok());
  stream.Close();
  co_return copied.bytes();
}
Task<void> SendAll(TcpStream& stream, const std::string& text) {
  EXPECT_TRUE((co_await WriteAll(stream, BytesOf(text))).ok());
  EXPECT_TRUE((co_await stream.Shutdown()).ok());
}
Task<void> CopyMain() {
  const std::string text = LettersAt(0, 1'500'000);
  auto [client, client_side] = co_await MakePair<TcpStream>();
  auto [server_side, server] = co_await MakePair<UnixStream>();
  JoinHandle<CopyResult> between = Spawn(Between(std::move(client_side), std::move(server_side)));
  JoinHandle<uint64_t> echo = Spawn(EchoAll(std::move(server)));
  std::vector<std::byte> answer;
  auto both = co_await Join(SendAll(client, text), ReadToEnd(client, answer, text.size()));
  EXPECT_TRUE(std::get<1>(both).ok());
  EXPECT_TRUE(TextOf(answer) == text);
  CopyResult result = (co_await std::move(between)).value();
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.a_to_b, text.size());
  EXPECT_EQ(result.b_to_a, text.size());
  EXPECT_EQ((co_await std::move(echo)).value(), text.size());
}
TEST_P(SocketsTest, CopiedBothWays) { Run(CopyMain()); }

}  // namespace
}  // namespace sluice::core::testing
