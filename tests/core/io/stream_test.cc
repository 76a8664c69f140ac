// TcpStream and UnixStream: bytes, ends, addresses, options, errors, ownership, what an idle one
// costs. On both backends.
#include <dirent.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/spawn_local.h"
#include "core/task/yield.h"
#include "core/testing/frame_ledger.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class StreamTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(StreamTest);

// Echoes until the end, then ends too.
template <typename Stream>
Task<void> Echo(Stream given) {
  Stream stream(std::move(given));  // goes with the coroutine's end, not with its frame
  std::array<std::byte, 100> bytes;
  while (true) {
    IoResult<size_t> got = co_await stream.Read(bytes);
    if (!got.ok() || *got == 0) co_return;
    for (size_t done = 0; done < *got;) {
      IoResult<size_t> sent = co_await stream.Write(std::span(bytes).first(*got).subspan(done));
      if (!sent.ok()) co_return;
      done += *sent;
    }
  }
}

template <typename Stream>
Task<void> EchoMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  JoinHandle<void> echo = Spawn(Echo(std::move(theirs)));
  std::string answer(5, '\0');
  for (int i = 0; i < 3; ++i) {  // ping-pong: both wait, each time
    EXPECT_EQ(*co_await ours.Write(BytesOf("hello")), 5u);
    EXPECT_EQ(*co_await ours.Read(RoomIn(answer)), 5u);
    EXPECT_EQ(answer, "hello");
  }
  const std::string text = LettersAt(0, 300'000);  // more than the sockets hold
  auto [sent, received] = co_await Join(
      [](Stream& stream, const std::string& all) -> Task<size_t> {
        const size_t done = co_await WriteText(stream, all);
        EXPECT_TRUE((co_await stream.Shutdown()).ok());
        co_return done;
      }(ours, text),
      ReadAll(ours));
  EXPECT_EQ(sent, text.size());
  EXPECT_EQ(received, text);
  EXPECT_FALSE((co_await std::move(echo)).cancelled());
}
TEST_P(StreamTest, EchoTcp) { Run(EchoMain<TcpStream>()); }
TEST_P(StreamTest, EchoUnix) { Run(EchoMain<UnixStream>()); }

template <typename Stream>
Task<void> VectorMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  std::vector<std::string> texts;
  std::string all;
  for (size_t i = 0; i < kMostParts + 4; ++i) {
    texts.push_back(LettersAt(i * 100, i * 7 % 23));  // some are empty
    if (i < kMostParts) all += texts.back();
  }
  const std::vector<std::span<const std::byte>> parts = [&texts] {
    std::vector<std::span<const std::byte>> spans;
    for (const std::string& text : texts) spans.push_back(BytesOf(text));
    return spans;
  }();
  EXPECT_EQ(*co_await ours.WriteMany(parts), all.size());
  EXPECT_TRUE((co_await ours.Shutdown()).ok());
  EXPECT_EQ(co_await ReadAll(theirs), all);
}
TEST_P(StreamTest, PartsThatLieApartTcp) { Run(VectorMain<TcpStream>()); }
TEST_P(StreamTest, PartsThatLieApartUnix) { Run(VectorMain<UnixStream>()); }

size_t CountDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  size_t count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

// Nothing listens at a port that is bound.
Task<void> RefusedMain() {
  const size_t descriptors = CountDescriptors();
  const int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Address any = AnyPort();
  EXPECT_EQ(bind(bound, any.get(), any.size()), 0);
  const Address address = LocalAddressOf(bound);
  NetResult<TcpStream> stream = co_await TcpStream::Connect(address);
  EXPECT_EQ(stream.message(), absl::StrCat("connect ", address.ToString(), ": Connection refused"));
  EXPECT_EQ(stream.error(), ECONNREFUSED);
  close(bound);
  const Address nowhere = *Address::Parse("unix:@sluice-nothing-listens-here");
  EXPECT_EQ((co_await UnixStream::Connect(nowhere)).message(),
            "connect unix:@sluice-nothing-listens-here: Connection refused");
  EXPECT_EQ((co_await TcpStream::Connect(nowhere)).error(), EAFNOSUPPORT);
  EXPECT_EQ((co_await UnixStream::Connect(address)).error(), EAFNOSUPPORT);
  // A close may be delayed until the reactor's next turn.
  for (int i = 0; i < 1000 && CountDescriptors() > descriptors; ++i) co_await Yield();
  EXPECT_EQ(CountDescriptors(), descriptors);
}
TEST_P(StreamTest, AnErrorNamesTheOperationAndTheAddress) { Run(RefusedMain()); }

Task<void> ResetMain() {
  auto [ours, theirs] = co_await MakePair<TcpStream>();
  const Address peer = ours.peer();
  EXPECT_EQ(peer, theirs.local());
  EXPECT_EQ(ours.local(), theirs.peer());
  theirs.Reset();
  EXPECT_FALSE(theirs.is_open());
  std::array<std::byte, 10> bytes;
  const IoResult<size_t> got = co_await ours.Read(bytes);
  EXPECT_EQ(got.error(), ECONNRESET);
  EXPECT_EQ(ours.Error("read", got.error()).message(),
            absl::StrCat("read ", peer.ToString(), ": Connection reset by peer"));
  EXPECT_EQ((co_await ours.Write(BytesOf("x"))).error(), EPIPE);
  const std::array<std::span<const std::byte>, 1> parts = {BytesOf("x")};
  EXPECT_EQ((co_await ours.WriteMany(parts)).error(), EPIPE);
}
TEST_P(StreamTest, AResetIsAnError) { Run(ResetMain()); }

Task<void> OptionsMain() {
  auto [ours, theirs] = co_await MakePair<TcpStream>();
  EXPECT_TRUE(ours.no_delay());
  EXPECT_TRUE(theirs.no_delay());
  EXPECT_TRUE(ours.SetNoDelay(false).ok());
  EXPECT_FALSE(ours.no_delay());
  SocketOptions options;
  options.keepalive = 7s;
  EXPECT_TRUE(ours.Configure(options).ok());
  int idle = 0;
  socklen_t size = sizeof(idle);
  EXPECT_EQ(getsockopt(ours.fd(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size), 0);
  EXPECT_EQ(idle, 7);
  options.congestion = "no-such";
  EXPECT_EQ(ours.Configure(options).error(), ENOENT);
}
TEST_P(StreamTest, Options) { Run(OptionsMain()); }

template <typename Stream>
Task<void> OwnershipMain() {
  auto [ours, theirs] = co_await MakePair<Stream>();
  Stream moved(std::move(ours));
  EXPECT_FALSE(ours.is_open());  // NOLINT(bugprone-use-after-move): what it promises
  EXPECT_EQ(*co_await moved.Write(BytesOf("a")), 1u);
  auto [other, other_peer] = co_await MakePair<Stream>();
  moved = std::move(other);  // closes the first
  EXPECT_EQ(co_await ReadAll(theirs), "a");
  EXPECT_EQ(*co_await moved.Write(BytesOf("b")), 1u);
  Stream adopted(moved.Release());
  EXPECT_FALSE(moved.is_open());
  adopted.Close();
  adopted.Close();
  EXPECT_EQ(co_await ReadAll(other_peer), "b");
}
TEST_P(StreamTest, OwnsItsDescriptorTcp) { Run(OwnershipMain<TcpStream>()); }
TEST_P(StreamTest, OwnsItsDescriptorUnix) { Run(OwnershipMain<UnixStream>()); }

// A number that is used again has nothing of its last life.
Task<void> ManyMain() {
  for (int i = 0; i < 30; ++i) {
    auto [ours, theirs] = co_await MakePair<TcpStream>();
    JoinHandle<void> echo = Spawn(Echo(std::move(theirs)));
    std::string answer(2, '\0');
    EXPECT_EQ(*co_await ours.Write(BytesOf("ok")), 2u);
    EXPECT_EQ(*co_await ours.Read(RoomIn(answer)), 2u);
    ours.Close();
    (void)co_await std::move(echo);
  }
}
TEST_P(StreamTest, NumbersAreUsedAgain) { Run(ManyMain()); }

// The kernel has enough for a long time: others have their turn all the same.
Task<void> Count(const bool& stop, size_t& turns) {
  while (!stop) {
    ++turns;
    co_await Yield();
  }
}
Task<void> FairMain() {
  auto [ours, theirs] = co_await MakePair<UnixStream>();
  EXPECT_EQ(co_await WriteText(theirs, std::string(20'000, 'x')), 20'000u);
  bool stop = false;
  size_t turns = 0;
  JoinHandle<void> other = SpawnLocal(Count(stop, turns));
  std::array<std::byte, 1> byte;
  for (int i = 0; i < 20'000; ++i) EXPECT_EQ(*co_await ours.Read(byte), 1u);
  EXPECT_GE(turns, 20u);
  stop = true;
  (void)co_await std::move(other);
}
TEST_P(StreamTest, AReaderOfMuchLetsOthersRun) {
  Runtime(Options()).BlockOn([]() -> Task<void> { (void)co_await SpawnLocal(FairMain()); }());
}

// A hundred connections that wait for a client: what their coroutines hold.
Task<void> IdleMain(const FrameLedger& frames) {
  constexpr size_t kConnections = 100;
  std::vector<TcpStream> clients;
  std::vector<JoinHandle<void>> servers;
  const auto bytes = [&frames] {
    size_t sum = 0;
    for (const FrameKind& kind : frames.Left()) sum += kind.size * kind.count;
    return sum;
  };
  const size_t before = bytes();
  for (size_t i = 0; i < kConnections; ++i) {
    auto [ours, theirs] = co_await MakePair<TcpStream>();
    clients.push_back(std::move(ours));
    servers.push_back(Spawn(Echo(std::move(theirs))));
  }
  std::string answer(2, '\0');
  for (TcpStream& client : clients) {
    EXPECT_EQ(*co_await client.Write(BytesOf("ok")), 2u);
    EXPECT_EQ(*co_await client.Read(RoomIn(answer)), 2u);
  }
  const size_t each = (bytes() - before) / kConnections + 2 * sizeof(TcpStream);
  ::testing::Test::RecordProperty("bytes_of_an_idle_connection", static_cast<int>(each));
  EXPECT_GT(each, 200u);
  EXPECT_LE(each, 1200u);
  clients.clear();
  for (JoinHandle<void>& server : servers) (void)co_await std::move(server);
}
TEST_P(StreamTest, AnIdleConnectionIsSmall) {
  FrameLedger frames;
  Run(IdleMain(frames));
}

}  // namespace
}  // namespace sluice::core::testing
