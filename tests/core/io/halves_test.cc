// The halves of a stream: borrowed by two functions, owned by two tasks, and made one again.
#include "core/io/halves.h"

#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class HalvesTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(HalvesTest);

constexpr size_t kBytes = 400'000;  // more than the sockets hold

static_assert(AsyncRead<ReadHalf<TcpStream>> && !AsyncWrite<ReadHalf<TcpStream>>);
static_assert(AsyncWrite<WriteHalf<TcpStream>> && !AsyncRead<WriteHalf<TcpStream>>);
static_assert(AsyncRead<OwnedReadHalf<UnixStream>> && AsyncWrite<OwnedWriteHalf<UnixStream>>);
static_assert(!std::copy_constructible<OwnedReadHalf<UnixStream>>);
static_assert(!std::copy_constructible<OwnedWriteHalf<UnixStream>>);

template <typename Half>
Task<void> SendAndEnd(Half half) {
  EXPECT_EQ(co_await WriteText(half, LettersAt(0, kBytes)), kBytes);
  EXPECT_TRUE((co_await half.Shutdown()).ok());
}
template <typename Half>
Task<std::string> Receive(Half half) {
  co_return co_await ReadAll(half);
}

template <typename Stream>
Task<void> BorrowedMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  auto [in, out] = ours.Split();
  auto [their_in, their_out] = theirs.Split();
  auto all = co_await Join(SendAndEnd(out), Receive(in), SendAndEnd(their_out), Receive(their_in));
  EXPECT_TRUE(std::get<1>(all) == LettersAt(0, kBytes));
  EXPECT_TRUE(std::get<3>(all) == LettersAt(0, kBytes));
  EXPECT_TRUE(ours.is_open());
  EXPECT_EQ(&in.stream(), &ours);
}
TEST_P(HalvesTest, BorrowedTcp) { Run(BorrowedMain<TcpStream>()); }
TEST_P(HalvesTest, BorrowedUnix) { Run(BorrowedMain<UnixStream>()); }

// Four tasks, on any workers.
template <typename Stream>
Task<void> OwnedMain() {
  for (int i = 0; i < 5; ++i) {
    auto [ours, theirs] = co_await MakePair<Stream>();
    auto [in, out] = std::move(ours).IntoSplit();
    EXPECT_FALSE(ours.is_open());  // NOLINT(bugprone-use-after-move): what it promises
    auto [their_in, their_out] = std::move(theirs).IntoSplit();
    JoinHandle<void> send = Spawn(SendAndEnd(std::move(out)));
    JoinHandle<void> send_back = Spawn(SendAndEnd(std::move(their_out)));
    JoinHandle<std::string> receive = Spawn(Receive(std::move(their_in)));
    JoinHandle<std::string> receive_back = Spawn(Receive(std::move(in)));
    EXPECT_TRUE((co_await std::move(receive)).value() == LettersAt(0, kBytes));
    EXPECT_TRUE((co_await std::move(receive_back)).value() == LettersAt(0, kBytes));
    EXPECT_FALSE((co_await std::move(send)).cancelled());
    EXPECT_FALSE((co_await std::move(send_back)).cancelled());
  }
}
TEST_P(HalvesTest, OwnedTcp) { Run(OwnedMain<TcpStream>()); }
TEST_P(HalvesTest, OwnedUnix) { Run(OwnedMain<UnixStream>()); }

// A write half that goes is an end for the peer; the other half reads on, and closes.
template <typename Stream>
Task<void> DropMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  std::optional<OwnedReadHalf<Stream>> in;
  {
    auto [read_half, write_half] = std::move(ours).IntoSplit();
    in.emplace(std::move(read_half));
    EXPECT_EQ(*co_await write_half.Write(BytesOf("last")), 4u);
  }
  EXPECT_EQ(co_await ReadAll(theirs), "last");
  EXPECT_EQ(*co_await theirs.Write(BytesOf("answer")), 6u);
  std::string answer(6, '\0');
  EXPECT_EQ(*co_await in->Read(RoomIn(answer)), 6u);
  EXPECT_EQ(answer, "answer");
  const int fd = in->stream().fd();
  EXPECT_FALSE(LocalAddressOf(fd).is_empty());
  in.reset();
  co_await Yield();  // the close may be delayed until the reactor's next turn
  while (!LocalAddressOf(fd).is_empty()) co_await Yield();
}
TEST_P(HalvesTest, AWriteHalfThatGoesIsAnEndTcp) { Run(DropMain<TcpStream>()); }
TEST_P(HalvesTest, AWriteHalfThatGoesIsAnEndUnix) { Run(DropMain<UnixStream>()); }

// As in a loop that connects again: the old connection does not live on in the variable that the
// new half came from.
template <typename Stream>
Task<void> AssignMain() {
  auto [first, first_peer] = co_await MakePair<Stream>();
  auto [second, second_peer] = co_await MakePair<Stream>();
  auto [in, out] = std::move(first).IntoSplit();
  auto [next_in, next_out] = std::move(second).IntoSplit();
  EXPECT_EQ(*co_await out.Write(BytesOf("last")), 4u);
  out = std::move(next_out);
  EXPECT_EQ(co_await ReadAll(first_peer), "last");  // and an end
  OwnedWriteHalf<Stream>& same = out;
  out = std::move(same);
  EXPECT_EQ(*co_await out.Write(BytesOf("next")), 4u);
  EXPECT_TRUE((co_await out.Shutdown()).ok());
  EXPECT_EQ(co_await ReadAll(second_peer), "next");
}
TEST_P(HalvesTest, AWriteHalfThatIsReplacedIsAnEndTcp) { Run(AssignMain<TcpStream>()); }
TEST_P(HalvesTest, AWriteHalfThatIsReplacedIsAnEndUnix) { Run(AssignMain<UnixStream>()); }

Task<void> ReuniteMain() {
  auto [ours, theirs] = co_await MakePair<TcpStream>();
  auto [in, out] = std::move(ours).IntoSplit();
  auto [their_in, their_out] = std::move(theirs).IntoSplit();
  EXPECT_FALSE(Reunite(in, their_out).has_value());
  EXPECT_EQ(*co_await out.Write(BytesOf("a")), 1u);
  std::optional<TcpStream> whole = Reunite(in, out);
  EXPECT_TRUE(whole.has_value());
  EXPECT_FALSE(Reunite(in, out).has_value());  // they are empty
  EXPECT_EQ(*co_await whole->Write(BytesOf("b")), 1u);
  whole.reset();
  EXPECT_EQ(co_await ReadAll(their_in), "ab");
}
TEST_P(HalvesTest, Reunited) { Run(ReuniteMain()); }

}  // namespace
}  // namespace sluice::core::testing
