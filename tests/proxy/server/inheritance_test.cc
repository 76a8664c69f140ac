// What a successor takes from the process that hands over, and what it does not.
#include "proxy/server/inheritance.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/server/handover_channel.h"
#include "tests/contract/sockets.h"

namespace sluice::proxy {
namespace {

using contract::Fd;
using handover::Sockets;

struct Part {
  std::string bytes;
  std::vector<int> descriptors = {};
};

size_t OpenDescriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class InheritanceTest : public testing::Test {
 protected:
  InheritanceTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel.data()), 0); }

  // Sends `parts`, each after the answer to the one before, and closes. Returns the answers.
  absl::StatusOr<std::unique_ptr<Inheritance>> ReceiveFrom(std::vector<Part> parts) {
    std::thread predecessor([&] {
      for (const Part& part : parts) {
        core::IoResult<Packet> answer = ReceivePacket(channel[0], 0);
        if (!answer.ok()) break;
        answers.push_back(std::move(answer->bytes));
        (void)SendPacket(channel[0], part.bytes, part.descriptors, 0);
      }
      core::IoResult<Packet> last = core::IoError(EPIPE);
      if (!parts.empty()) last = ReceivePacket(channel[0], 0);
      if (last.ok()) answers.push_back(std::move(last->bytes));
      close(channel[0]);
    });
    auto result = Inheritance::Receive(channel[1]);
    predecessor.join();
    return result;
  }

  void ExpectNothing(std::vector<Part> parts, const std::string& why) {
    const size_t open = OpenDescriptors();
    const auto inheritance = ReceiveFrom(std::move(parts));
    EXPECT_NE(std::string(inheritance.status().message()).find(why), std::string::npos)
        << inheritance.status();
    EXPECT_EQ(OpenDescriptors(), open - 2) << "both ends of the channel are closed, and no more";
  }

  std::array<int, 2> channel;
  std::vector<std::string> answers;
  Fd listener = contract::ListenPlain();
  Fd second = contract::ListenPlain();
};

std::string Bytes(Sockets message) { return handover::Encode(std::move(message)); }
HandoverSocket Named(const std::string& address) { return {.address = address}; }

TEST_F(InheritanceTest, TakesAllParts) {
  const auto inheritance =
      ReceiveFrom({{Bytes({.total = 2, .first = 0, .sockets = {Named("a")}}), {listener.get()}},
                   {Bytes({.total = 2, .first = 1, .sockets = {Named("b")}}), {second.get()}}});
  ASSERT_TRUE(inheritance.ok()) << inheritance.status();
  ASSERT_EQ((*inheritance)->sockets().size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const InheritedSocket& socket = (*inheritance)->sockets()[i];
    EXPECT_EQ(socket.socket.address, i == 0 ? "a" : "b");
    EXPECT_TRUE(contract::AddressOf(socket.fd) ==
                contract::AddressOf(i == 0 ? listener.get() : second.get()));
    EXPECT_EQ(fcntl(socket.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
  const std::vector<std::string> wanted = {handover::Encode(handover::Hello()),
                                           handover::Encode(handover::Ack{.received = 1}),
                                           handover::Encode(handover::Ack{.received = 2})};
  EXPECT_EQ(answers, wanted);
}

TEST_F(InheritanceTest, TakesNone) {
  const auto inheritance = ReceiveFrom({{Bytes({})}});
  ASSERT_TRUE(inheritance.ok()) << inheritance.status();
  EXPECT_TRUE((*inheritance)->sockets().empty());
}

TEST_F(InheritanceTest, NotTheDescriptorsItWasTold) {
  ExpectNothing(
      {{Bytes({.total = 1, .first = 0, .sockets = {Named("a")}}), {listener.get(), second.get()}}},
      "protocol");
}

TEST_F(InheritanceTest, NotWhatDoesNotListen) {
  const Fd other(socket(AF_INET, SOCK_STREAM, 0));
  ExpectNothing({{Bytes({.total = 1, .first = 0, .sockets = {Named("a")}}), {other.get()}}},
                "protocol");
}

TEST_F(InheritanceTest, NotAPartTwice) {
  const std::string part = Bytes({.total = 2, .first = 0, .sockets = {Named("a")}});
  ExpectNothing({{part, {listener.get()}}, {part, {listener.get()}}}, "protocol");
}

TEST_F(InheritanceTest, NotAPartWithoutAny) {
  ExpectNothing({{Bytes({.total = 2, .first = 0})}}, "protocol");
}

TEST_F(InheritanceTest, NotAnotherMessage) {
  ExpectNothing({{handover::Encode(handover::Commit()), {listener.get()}}}, "protocol");
}

TEST_F(InheritanceTest, NotAfterTheOtherHasGone) { ExpectNothing({}, "has gone"); }

}  // namespace
}  // namespace sluice::proxy
