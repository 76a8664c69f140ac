// A read of a UNIX socket ends behind bytes that came with a descriptor, however much lies behind
// them: those bytes come too, without another arrival to push them.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <span>
#include <string>
#include <utility>

#include "core/io/recv_stream.h"
#include "core/io/socket_attempts.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

constexpr int kRounds = 30;

class ShortReadTest : public ContractTest {};
SLUICE_CONTRACT(ShortReadTest, kAll);

// A descriptor among the bytes, or behind them.
Task<int> SendLater(int fd, int turns, std::string before, std::string after) {
  co_await Turns(turns);
  if (!before.empty()) {
    const size_t size = before.size();
    EXPECT_EQ(SendWithDescriptor(fd, std::move(before), STDIN_FILENO), size);
  }
  SendSome(fd, after);
  co_return 0;
}

// What comes by reads into memory until there are `count` bytes.
Task<std::string> ReadBytes(int fd, core::Lane& lane, size_t count) {
  std::string text;
  while (text.size() < count) {
    std::array<std::byte, 100> room;
    core::IoResult<size_t> got = co_await core::SocketRead(fd, room, lane);
    if (!got.ok() || *got == 0) break;
    text.append(reinterpret_cast<const char*>(room.data()), *got);
  }
  co_return text;
}

Task<void> StreamMain() {
  for (int i = 0; i < kRounds; ++i) {
    Pair pair = ConnectUnix();
    RecvStream stream(pair.ours, i % 3 == 0 ? 1 : 65536);
    if (i % 2 == 0) {  // the reactor knows the descriptor already: it has waited
      auto [received, zero] =
          co_await core::Join(Receive(stream, 1), SendLater(pair.peer.get(), 3, "", "?"));
      (void)zero;
      EXPECT_EQ(received.text, "?");
    }
    auto [received, zero] = co_await core::Join(
        Receive(stream, 11), SendLater(pair.peer.get(), i % 4, "before", "after"));
    (void)zero;
    EXPECT_EQ(received.text, "beforeafter");
    co_await StopAndClose(stream);
  }
}
TEST_P(ShortReadTest, BytesBehindADescriptor) { Run(StreamMain()); }

Task<void> IntoMemoryMain() {
  for (int i = 0; i < kRounds; ++i) {
    Pair pair = ConnectUnix();
    core::Lane lane;
    if (i % 2 == 0) {
      auto [text, zero] = co_await core::Join(ReadBytes(pair.ours, lane, 1),
                                              SendLater(pair.peer.get(), 3, "", "?"));
      (void)zero;
      EXPECT_EQ(text, "?");
    }
    auto [text, zero] = co_await core::Join(ReadBytes(pair.ours, lane, 11),
                                            SendLater(pair.peer.get(), i % 4, "before", "after"));
    (void)zero;
    EXPECT_EQ(text, "beforeafter");
    CloseHere(pair.ours);
  }
}
TEST_P(ShortReadTest, BytesBehindADescriptorIntoMemory) { Run(IntoMemoryMain()); }

}  // namespace
}  // namespace sluice::contract
