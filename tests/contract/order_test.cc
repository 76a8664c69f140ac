// R1: bytes come and go in order, whatever the sizes of the pieces, both ways at once.

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::testing::Between;
using core::testing::Random;

constexpr size_t kBytes = 1 << 20;  // each way of each connection

// Mostly small pieces, sometimes large ones.
size_t PieceSize(Random& random) {
  switch (Between(random, 0, 3)) {
    case 0:
      return Between(random, 1, 10);
    case 1:
      return Between(random, 1, 2000);
    default:
      return Between(random, 1, 200'000);
  }
}

// A peer on two threads of its own: one writes the numbered bytes, one reads and checks them.
class PeerThreads {
 public:
  PeerThreads(int fd, uint64_t seed)
      : writer_([fd, seed] { Write(fd, seed); }), reader_([fd] { Read(fd); }) {}
  ~PeerThreads() {
    writer_.join();
    reader_.join();
  }

 private:
  static void Write(int fd, uint64_t seed) {
    Random random(seed);
    for (size_t position = 0; position < kBytes;) {
      const size_t size = std::min(PieceSize(random), kBytes - position);
      const std::string piece = BytesAt(position, size);
      const ssize_t sent = send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        ADD_FAILURE() << "the peer cannot send: " << errno;
        return;
      }
      position += static_cast<size_t>(sent);
    }
    shutdown(fd, SHUT_WR);
  }

  static void Read(int fd) {
    size_t position = 0;
    for (;;) {
      const std::string piece = ReceiveExactly(fd, 1) + ReceiveSome(fd);
      if (piece.empty()) break;
      EXPECT_TRUE(piece == BytesAt(position, piece.size())) << "near byte " << position;
      position += piece.size();
    }
    EXPECT_EQ(position, kBytes);
  }

  std::thread writer_;
  std::thread reader_;
};

Task<int> SendNumbered(int fd, uint64_t seed) {
  Random random(seed);
  for (size_t position = 0; position < kBytes;) {
    const size_t size = std::min(PieceSize(random), kBytes - position);
    const int error = co_await SendAll(fd, BytesAt(position, size));
    if (error != 0) co_return error;
    position += size;
  }
  (void)core::SocketApi().ShutdownWrite(fd);
  co_return 0;
}

Task<int> ReceiveNumbered(RecvStream& stream) {
  size_t position = 0;
  for (;;) {
    const Received next = co_await ReceiveNext(stream);
    if (next.error != 0) co_return next.error;
    if (next.end) break;
    EXPECT_TRUE(next.text == BytesAt(position, next.text.size())) << "near byte " << position;
    position += next.text.size();
  }
  EXPECT_EQ(position, kBytes);
  co_return 0;
}

Task<void> Converse(bool tcp, uint32_t credit, uint64_t seed) {
  Pair pair = tcp ? ConnectTcp() : ConnectUnix();
  SetBlocking(pair.peer.get(), true);
  RecvStream stream(pair.ours, credit);
  {
    // The threads end when both directions have been shut down: before this block does.
    PeerThreads peer(pair.peer.get(), seed);
    auto [sent, received] =
        co_await core::Join(SendNumbered(pair.ours, seed + 1), ReceiveNumbered(stream));
    EXPECT_EQ(sent, 0);
    EXPECT_EQ(received, 0);
  }
  co_await StopAndClose(stream);
}

Task<void> OrderMain(core::RuntimeHandle runtime) {
  const uint64_t seed = core::testing::Seed();
  core::TaskGroup group(runtime);
  uint64_t connection = 0;
  for (uint32_t credit : {1u, 5000u, 65536u}) {
    for (bool tcp : {true, false}) group.Spawn(Converse(tcp, credit, seed + 2 * connection++));
  }
  co_await group.Join();
}

class OrderTest : public ContractTest {};
SLUICE_CONTRACT(OrderTest, kAll);

TEST_P(OrderTest, BytesAreInOrderBothWays) {
  options.buffers = 32;
  Run(OrderMain(handle()));
}

}  // namespace
}  // namespace sluice::contract
