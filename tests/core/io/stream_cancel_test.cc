// A read, a write, an accept, a connect that is cut short at any moment loses nothing and doubles
// nothing, and the memory is the caller's when it has ended. Misuse ends the process.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/net/socket_api.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class StreamCancelTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(StreamCancelTest);

constexpr size_t kBytes = 200'000;

Task<void> Turns(size_t count) {
  for (size_t i = 0; i < count; ++i) co_await Yield();
}

template <typename Stream>
Task<void> SendSlowly(Stream stream) {
  for (size_t done = 0; done < kBytes;) {
    const std::string part = LettersAt(done, std::min<size_t>(kBytes - done, 1 + done % 601));
    EXPECT_EQ(co_await WriteText(stream, part), part.size());
    done += part.size();
    co_await Turns(done % 3);
  }
  stream.Close();
}
template <typename Stream>
Task<void> ReadMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  JoinHandle<void> sender = Spawn(SendSlowly(std::move(theirs)));
  std::string all;
  size_t cut_short = 0;
  std::string part(300, '\0');
  for (size_t i = 0;; ++i) {
    auto outcome = co_await Select(ours.Read(RoomIn(part)), Turns(i % 5));
    IoResult<size_t>& got = outcome.template Get<0>();
    if (!got.ok()) {
      EXPECT_EQ(got.error(), ECANCELED);
      ++cut_short;
      part.assign(300, '!');  // nothing writes into it any more
      continue;
    }
    if (*got == 0) break;
    all.append(part, 0, *got);
  }
  EXPECT_TRUE(all == LettersAt(0, kBytes));
  EXPECT_GT(cut_short, 0u);
  (void)co_await std::move(sender);
}
TEST_P(StreamCancelTest, AReadThatIsCutShortHasReadNothingTcp) { Run(ReadMain<TcpStream>()); }
TEST_P(StreamCancelTest, AReadThatIsCutShortHasReadNothingUnix) { Run(ReadMain<UnixStream>()); }

template <typename Stream>
Task<std::string> ReadSlowly(Stream stream) {
  std::string all;
  std::string part(7'000, '\0');
  while (true) {
    IoResult<size_t> got = co_await stream.Read(RoomIn(part));
    EXPECT_TRUE(got.ok());
    if (!got.ok() || *got == 0) co_return all;
    all.append(part, 0, *got);
    co_await Turns(*got % 7);
  }
}
// The buffer is overwritten as soon as a write has ended, whatever way.
template <typename Stream>
Task<void> WriteMain(bool parts_apart) {
  auto [ours, theirs] = co_await MakePair<Stream>();
  const int few = 16384;  // bytes on their way, so that a write has to wait
  EXPECT_EQ(setsockopt(ours.fd(), SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
  EXPECT_EQ(setsockopt(theirs.fd(), SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), 0);
  std::optional<JoinHandle<std::string>> reader;
  size_t sent = 0;
  size_t cut_short = 0;
  const std::string text = LettersAt(0, 1'000'000);
  std::string part;
  for (size_t i = 0; sent < text.size(); ++i) {
    // Nothing is read before a write has been cut short: so one is, however busy the machine.
    if (cut_short > 0 && !reader) reader = Spawn(ReadSlowly(std::move(theirs)));
    part = text.substr(sent, 90'000);
    const std::span<const std::byte> bytes = BytesOf(part);
    const size_t half = bytes.size() / 2;
    const std::array<std::span<const std::byte>, 2> two = {bytes.first(half), bytes.subspan(half)};
    IoResult<size_t> done = IoError(ECANCELED);
    if (parts_apart) {
      done = (co_await Select(ours.WriteMany(two), Turns(i % 6))).template Get<0>();
    } else {
      done = (co_await Select(ours.Write(bytes), Turns(i % 6))).template Get<0>();
    }
    if (done.ok()) {
      EXPECT_GT(*done, 0u);
      sent += *done;
    } else {
      EXPECT_EQ(done.error(), ECANCELED);
      ++cut_short;
    }
    part.assign(part.size(), '!');
  }
  ours.Close();
  const std::string received = (co_await *std::move(reader)).value();
  EXPECT_TRUE(received == text);
}
TEST_P(StreamCancelTest, AWriteThatIsCutShortSaysHowMuchTcp) { Run(WriteMain<TcpStream>(false)); }
TEST_P(StreamCancelTest, AWriteThatIsCutShortSaysHowMuchUnix) { Run(WriteMain<UnixStream>(false)); }
TEST_P(StreamCancelTest, SoDoesOneOfSeveralPartsTcp) { Run(WriteMain<TcpStream>(true)); }
TEST_P(StreamCancelTest, SoDoesOneOfSeveralPartsUnix) { Run(WriteMain<UnixStream>(true)); }

constexpr size_t kClients = 60;

Task<void> ConnectMany(Address address) {
  for (size_t i = 0; i < kClients; ++i) {
    NetResult<TcpStream> client = co_await TcpStream::Connect(address);
    EXPECT_TRUE(client.ok()) << client.message();
    co_await Turns(i % 4);
  }
}
Task<void> AcceptMain() {
  NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  EXPECT_TRUE(listener.ok());
  JoinHandle<void> clients = Spawn(ConnectMany(listener->local()));
  size_t accepted = 0;
  size_t cut_short = 0;
  for (size_t i = 0; accepted < kClients; ++i) {
    auto outcome = co_await Select(listener->Accept(), Turns(i % 5));
    if (outcome.Get<0>().ok()) {
      ++accepted;
    } else {
      EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
      ++cut_short;
    }
  }
  EXPECT_GT(cut_short, 0u);
  (void)co_await std::move(clients);
}
TEST_P(StreamCancelTest, AnAcceptThatIsCutShortLosesNoConnection) { Run(AcceptMain()); }

// A connect in flight: to a listener whose queue is full, where the kernel takes no notice of it.
// It is cut short before it has begun, at once, and when it has waited.
size_t CountDescriptors() {
  using std::filesystem::directory_iterator;
  return static_cast<size_t>(
      std::distance(directory_iterator("/proc/self/fd"), directory_iterator()));
}
Task<void> ConnectMain() {
  NetResult<TcpListener> listener = TcpListener::Bind(AnyPort(), {.backlog = 1});
  EXPECT_TRUE(listener.ok());
  std::vector<TcpStream> waiting;
  while (SocketApi().WaitingConnections(listener->fd(), 9) < 2) {  // one more than the backlog
    NetResult<TcpStream> stream = co_await TcpStream::Connect(listener->local());
    EXPECT_TRUE(stream.ok()) << stream.message();
    waiting.push_back(std::move(*stream));
  }
  const size_t before = CountDescriptors();
  for (size_t i = 0; i < 40; ++i) {
    auto outcome = co_await Select(TcpStream::Connect(listener->local()), Turns(i));
    EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
    // A close may be delayed until the reactor's next turn.
    for (int turns = 0; turns < 1000 && CountDescriptors() > before; ++turns) co_await Yield();
    EXPECT_EQ(CountDescriptors(), before);
  }
  // None of these comes after all, when there is a free place again.
  for (TcpStream& stream : waiting) {
    IoResult<TcpStream> accepted = co_await listener->Accept();
    EXPECT_TRUE(accepted.ok());
    if (accepted.ok()) EXPECT_EQ(accepted->peer(), stream.local());
  }
  auto last = co_await Select(listener->Accept(), Turns(20));
  EXPECT_EQ(last.Get<0>().error(), ECANCELED);
}
TEST_P(StreamCancelTest, AConnectThatIsCutShortHasClosedItsDescriptor) { Run(ConnectMain()); }

// What begins in a scope that is cancelled already does nothing.
Task<void> CancelledMain() {
  auto [ours, theirs] = co_await MakePair<TcpStream>();
  EXPECT_EQ(*co_await theirs.Write(BytesOf("kept")), 4u);
  (void)co_await ours.Readable();
  NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  EXPECT_TRUE(listener.ok());
  CancellationSource stop;
  stop.Cancel();
  std::string bytes(10, '\0');
  auto all = co_await Select(stop.token().Cancelled(), ours.Read(RoomIn(bytes)),
                             theirs.Write(BytesOf("never")), listener->Accept(),
                             TcpStream::Connect(listener->local()));
  EXPECT_EQ(all.Get<1>().error(), ECANCELED);
  EXPECT_EQ(all.Get<2>().error(), ECANCELED);
  EXPECT_EQ(all.Get<3>().error(), ECANCELED);
  EXPECT_EQ(all.Get<4>().error(), ECANCELED);
  theirs.Close();
  EXPECT_EQ(co_await ReadAll(ours), "kept");
}
TEST_P(StreamCancelTest, WhatBeginsCancelledDoesNothing) { Run(CancelledMain()); }

// A task that is aborted while it waits closes what it has.
Task<void> WaitForBytes(UnixStream stream) {
  std::array<std::byte, 4> bytes;
  EXPECT_EQ((co_await stream.Read(bytes)).error(), ECANCELED);
}
Task<void> AbortMain() {
  for (size_t i = 0; i < 20; ++i) {
    auto [ours, theirs] = co_await MakePair<UnixStream>();
    {
      JoinHandle<void> waits = Spawn(WaitForBytes(std::move(theirs)));
      co_await Turns(i % 7);
      waits.Abort();
      (void)co_await std::move(waits);
    }
    EXPECT_EQ(co_await ReadAll(ours), "");
  }
}
TEST_P(StreamCancelTest, AnAbortedTaskClosesItsStream) { Run(AbortMain()); }

class StreamMisuseTest : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, StreamMisuseTest,
                         ::testing::Values(BackendSetting{Backend::kIoUring, 1},
                                           BackendSetting{Backend::kEpoll, 1}),
                         NameOfSetting);

Task<void> TwoReads() {
  auto [ours, theirs] = co_await MakePair<UnixStream>();
  std::array<std::byte, 4> a;
  std::array<std::byte, 4> b;
  (void)co_await Join(ours.Read(a), ours.Read(b));
}
Task<void> MoveWhileItWaits() {
  auto [ours, theirs] = co_await MakePair<UnixStream>();
  std::array<std::byte, 4> bytes;
  (void)co_await Join(ours.Read(bytes), [](UnixStream& stream) -> Task<void> {
    UnixStream moved(std::move(stream));
    co_return;
  }(ours));
}
Task<void> NoBytes() {
  auto [ours, theirs] = co_await MakePair<UnixStream>();
  (void)co_await ours.Read({});
}
TEST_P(StreamMisuseTest, EndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Runtime(Options()).BlockOn(TwoReads()), "await the first one before");
  EXPECT_DEATH(Runtime(Options()).BlockOn(MoveWhileItWaits()), "cancel that and await its end");
  EXPECT_DEATH(Runtime(Options()).BlockOn(NoBytes()), "cannot be told from an end");
}

}  // namespace
}  // namespace sluice::core::testing
