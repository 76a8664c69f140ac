// Messages: sendmsg and recvmsg of datagrams and of streams, with addresses, parts and descriptors.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "core/io/read_write.h"
#include "core/reactor/op.h"
#include "core/task/join.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/contract/threads.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::OpKind;
using core::ReceiveMessage;
using core::SendMessage;
using core::SingleShotOp;

class MessageTest : public ContractTest {
 public:
  core::Worker& first() { return *worker(0); }
  core::Worker& other() { return *worker(workers() - 1); }
  uint64_t completions() {
    return worker(0)->reactor().counters().completions.load(std::memory_order_relaxed);
  }
};
SLUICE_CONTRACT(MessageTest, kAll);

// A msghdr over one piece of text; it stays where it is.
struct Message {
  explicit Message(std::string given) : text(std::move(given)) {
    part = {.iov_base = text.data(), .iov_len = text.size()};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
  }
  Message(const Message&) = delete;
  std::string text;
  iovec part;
  msghdr header = {};
};

int BindUdp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const core::Address any = Loopback();
  EXPECT_EQ(bind(fd, any.get(), any.size()), 0);
  return fd;
}

Task<size_t> Receive(int fd, Message& message) {
  core::IoResult<size_t> got = co_await ReceiveMessage(fd, message.header);
  EXPECT_TRUE(got.ok()) << got.error();
  co_return got.ok() ? *got : 0;
}
Task<int> SendTo(int fd, core::Address to, int turns, std::string text) {
  co_await Turns(turns);
  Message message(std::move(text));
  message.header.msg_name = const_cast<sockaddr*>(to.get());
  message.header.msg_namelen = to.size();
  core::IoResult<size_t> sent = co_await SendMessage(fd, message.header);
  co_return sent.ok() ? static_cast<int>(*sent) : -sent.error();
}
Task<void> DatagramsMain() {
  const int ours = BindUdp();
  const int theirs = BindUdp();
  const core::Address to = AddressOf(ours);
  for (int i = 0; i < 40; ++i) {
    Message message(std::string(10, '\0'));
    sockaddr_in from = {};
    message.header.msg_name = &from;
    message.header.msg_namelen = sizeof(from);
    const bool large = i % 4 == 3;
    auto [got, sent] = co_await core::Join(
        Receive(ours, message), SendTo(theirs, to, i % 3, large ? "0123456789ab" : "hello"));
    EXPECT_EQ(sent, large ? 12 : 5);
    EXPECT_EQ(message.text.substr(0, got), large ? "0123456789" : "hello");
    EXPECT_EQ((message.header.msg_flags & MSG_TRUNC) != 0, large);
    EXPECT_EQ(core::Address(reinterpret_cast<sockaddr*>(&from), sizeof(from)), AddressOf(theirs));
  }
  EXPECT_EQ(co_await SendTo(theirs, to, 0, std::string(70'000, 'x')), -EMSGSIZE);
  CloseHere(ours);
  CloseHere(theirs);
}
TEST_P(MessageTest, DatagramsWithTheirAddresses) { Run(DatagramsMain()); }

Task<void> PartsMain() {
  Pair pair = ConnectUnix();
  std::string one = "one,";
  std::string two = "two";
  std::array<iovec, 2> parts = {iovec{one.data(), one.size()}, iovec{two.data(), two.size()}};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  EXPECT_EQ(*co_await SendMessage(pair.ours, message), 7u);
  EXPECT_EQ(co_await PeerReceives(pair.peer.get(), 7), "one,two");
  // A descriptor, by a control message.
  std::array<int, 2> pipe_ends{};
  EXPECT_EQ(pipe(pipe_ends.data()), 0);
  EXPECT_EQ(SendWithDescriptor(pair.peer.get(), "one,two", pipe_ends[0]), 7u);
  Message got(std::string(100, '\0'));
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  got.header.msg_control = room.data();
  got.header.msg_controllen = room.size();
  EXPECT_EQ(*co_await ReceiveMessage(pair.ours, got.header), 7u);
  const cmsghdr* passed = CMSG_FIRSTHDR(&got.header);
  EXPECT_NE(passed, nullptr);
  if (passed != nullptr) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(passed), sizeof(int));
    EXPECT_GE(fd, 0);
    close(fd);
  }
  for (const int fd : pipe_ends) close(fd);
  pair.peer.Close();
  EXPECT_EQ(*co_await ReceiveMessage(pair.ours, got.header), 0u);  // the end
  EXPECT_EQ((co_await SendMessage(pair.ours, message)).error(), EPIPE);
  CloseHere(pair.ours);
}
TEST_P(MessageTest, PartsDescriptorsAndEnds) { Run(PartsMain()); }

// Whenever the cancel comes, a datagram is received once.
Task<void> CancelMain(MessageTest& test) {
  core::testing::Random random(core::testing::Seed());
  const int ours = BindUdp();
  const Fd theirs(BindUdp());
  const core::Address to = AddressOf(ours);
  const core::Context context = co_await core::CurrentContext();
  for (int i = 0; i < 200; ++i) {
    Message message(std::string(10, '!'));
    SingleShotOp op(OpKind::kRecvMessage, ours);
    op.data = &message.header;
    co_await MoveTo(test.first());
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    for (auto turns = core::testing::Between(random, 0, 9); turns > 0; --turns) co_await Yield();
    const std::string text = std::to_string(i);
    EXPECT_EQ(sendto(theirs.get(), text.data(), text.size(), 0, to.get(), to.size()),
              static_cast<ssize_t>(text.size()));
    if (i % 3 == 0) co_await MoveTo(test.other());
    for (auto turns = core::testing::Between(random, 0, 9); turns > 0; --turns) co_await Yield();
    op.Cancel();
    co_await Until([&op] { return !op.in_flight; });
    size_t got = 0;
    if (op.result == -ECANCELED) {
      EXPECT_EQ(message.text, "!!!!!!!!!!");
      got = co_await Receive(ours, message);
    } else {
      EXPECT_GT(op.result, 0);
      got = static_cast<size_t>(op.result);
    }
    EXPECT_EQ(message.text.substr(0, got), text);
  }
  CloseHere(ours);
}
TEST_P(MessageTest, AReceiveThatIsCancelledLosesNothing) { Run(CancelMain(*this)); }

// With nothing to receive only the cancel ends it.
Task<void> CancelWaitingMain(MessageTest& test) {
  const core::Context context = co_await core::CurrentContext();
  for (int i = 0; i < 40; ++i) {
    Pair pair = i % 2 == 0 ? ConnectUnix() : ConnectTcp();
    Message message(std::string(10, '!'));
    SingleShotOp op(OpKind::kRecvMessage, pair.ours);
    op.data = &message.header;
    co_await MoveTo(test.first());
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    co_await Turns(i % 5);
    if (i % 3 == 0) co_await MoveTo(test.other());
    op.Cancel();
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, -ECANCELED);
    CloseHere(pair.ours);
  }
}
TEST_P(MessageTest, AReceiveThatWaitsIsCancelled) { Run(CancelWaitingMain(*this)); }

Task<void> CancelSendMain(MessageTest& test) {
  Pair pair = ConnectUnix();
  const core::Context context = co_await core::CurrentContext();
  size_t sent = 0;
  size_t cancelled = 0;
  size_t received = 0;
  for (int i = 0; i < 200; ++i) {
    Message message(BytesAt(sent, 50'000));
    SingleShotOp op(OpKind::kSendMessage, pair.ours);
    op.data = &message.header;
    co_await MoveTo(test.first());
    if (!core::SubmitHere(op, *context.task)) {
      co_await Turns(i % 4);
      if (i % 3 == 0) co_await MoveTo(test.other());
      op.Cancel();
      co_await Until([&op] { return !op.in_flight; });
    }
    EXPECT_NE(op.result, 0);
    if (op.result > 0) sent += static_cast<size_t>(op.result);
    if (op.result < 0) {
      EXPECT_EQ(op.result, -ECANCELED);
      ++cancelled;
    }
    if (i % 8 != 7) continue;  // more than the socket holds
    const std::string got = ReceiveSome(pair.peer.get());
    EXPECT_TRUE(got == BytesAt(received, got.size()));
    received += got.size();
  }
  const std::string rest = co_await PeerReceives(pair.peer.get(), sent - received);
  EXPECT_TRUE(rest == BytesAt(received, rest.size()));
  EXPECT_GT(cancelled, 0u);
  CloseHere(pair.ours);
}
TEST_P(MessageTest, ASendThatIsCancelledSaysHowMuch) { Run(CancelSendMain(*this)); }

// What is no message is an error of its own, not a cancel; one that cannot be told before there is
// something to receive waits for that.
Task<void> NoMessageMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = i % 2 == 0 ? ConnectUnix() : ConnectTcp();
    SendSome(pair.peer.get(), "there");
    Message message(std::string(10, '\0'));
    message.header.msg_iov = reinterpret_cast<iovec*>(8);
    EXPECT_EQ((co_await ReceiveMessage(pair.ours, message.header)).error(), EFAULT);
    EXPECT_EQ((co_await SendMessage(pair.ours, message.header)).error(), EFAULT);
    std::vector<iovec> parts(UIO_MAXIOV + 1, message.part);
    message.header.msg_iov = parts.data();
    message.header.msg_iovlen = parts.size();
    const int error = (co_await ReceiveMessage(pair.ours, message.header)).error();
    EXPECT_TRUE(error == EMSGSIZE || error == EINVAL) << error;  // recvmsg(2), io_uring
    message.header.msg_iov = &message.part;
    message.header.msg_iovlen = 1;
    EXPECT_EQ(co_await Receive(pair.ours, message), 5u);
    CloseHere(pair.ours);
  }
}
TEST_P(MessageTest, WhatIsNoMessageSaysSo) { Run(NoMessageMain()); }

// A receiver whose queue is full of a stranger's datagrams.
struct FullQueue {
  FullQueue() {
    EXPECT_EQ(bind(receiver.get(), name.get(), name.size()), 0);
    while (sendto(stranger.get(), "x", 1, MSG_DONTWAIT, name.get(), name.size()) == 1) {
    }
  }
  const core::Address name = AbstractName();
  const Fd receiver{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const Fd stranger{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

// A send of four bytes waits without a thread and without using the processor, until it is
// cancelled, and until the receiver has taken one. Closes its descriptor.
Task<void> ExpectItWaits(MessageTest& test, FullQueue& queue, core::Op& op) {
  const size_t threads = ThreadCount();
  const core::Context context = co_await core::CurrentContext();
  for (const bool cancel : {true, false}) {
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    co_await Turns(3);
    const uint64_t before = test.completions();
    co_await core::Sleep(20ms);  // a longer one could only bring more of them
    EXPECT_LT(test.completions() - before, 50u) << "the worker spins";
    EXPECT_LE(ThreadCount(), threads);
    EXPECT_TRUE(op.in_flight);
    if (cancel) {
      op.Cancel();
    } else {
      EXPECT_EQ(ReceiveSome(queue.receiver.get(), 1), "x");
    }
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, cancel ? -ECANCELED : 4);
  }
  CloseHere(op.fd);
}

// One that is not connected to it may send, says poll, and nothing tells when that is true.
Task<void> FullQueueMain(MessageTest& test) {
  co_await MoveTo(test.first());
  FullQueue queue;
  Message message("ours");
  message.header.msg_name = const_cast<sockaddr*>(queue.name.get());
  message.header.msg_namelen = queue.name.size();
  SingleShotOp op(OpKind::kSendMessage, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  op.data = &message.header;
  co_await ExpectItWaits(test, queue, op);
}
TEST_P(MessageTest, OneThatFindsTheQueueFullOfOthersWaits) { Run(FullQueueMain(*this)); }

// One that is connected is told.
Task<void> FullQueueConnectedMain(MessageTest& test) {
  for (const OpKind kind : {OpKind::kSend, OpKind::kWrite, OpKind::kSendMessage}) {
    co_await MoveTo(test.first());
    FullQueue queue;
    Message message("ours");
    core::FileOp op(kind, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(op.fd, queue.name.get(), queue.name.size()), 0);
    op.size = 4;
    op.data = message.text.data();
    if (kind == OpKind::kSendMessage) op.data = &message.header;
    co_await ExpectItWaits(test, queue, op);
  }
}
TEST_P(MessageTest, OneThatIsConnectedToAFullQueueWaits) { Run(FullQueueConnectedMain(*this)); }

}  // namespace
}  // namespace sluice::contract
