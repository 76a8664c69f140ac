// Urgent data (MSG_OOB): a read of the kernel's ends at the urgent mark, however much lies behind
// it. Urgency is not told and the urgent byte may be left out, but the ordinary bytes on both sides
// of it come, without another arrival to push them.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

constexpr uint32_t kCredit = 65536;
constexpr int kRounds = 30;

class UrgentTest : public ContractTest {};
SLUICE_CONTRACT(UrgentTest, kAll);

void SendUrgent(int fd) { EXPECT_EQ(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1); }

void SendAround(int fd, const std::string& before, const std::string& after) {
  EXPECT_EQ(SendSome(fd, before), before.size());
  SendUrgent(fd);
  EXPECT_EQ(SendSome(fd, after), after.size());
}

// As many bytes as must come, and the urgent one if it is among them.
Task<std::string> ReceiveAround(RecvStream& stream, const std::string& before,
                                const std::string& after) {
  std::string text = (co_await Receive(stream, before.size() + after.size())).text;
  if (text == before + "!" + after.substr(0, after.size() - 1)) {
    text += (co_await Receive(stream, 1)).text;
  }
  co_return text;
}

void ExpectAround(const std::string& text, const std::string& before, const std::string& after) {
  EXPECT_TRUE(text == before + after || text == before + "!" + after)
      << "of " << before.size() << " + 1 + " << after.size() << " bytes came " << text.size();
}

// All of it lies in the socket when the first read is made; the descriptor is known to the reactor
// already, or not yet.
Task<void> AllAtOnceMain(Pair (*connect)(), size_t size) {
  const std::string before = BytesAt(0, size);
  const std::string after = BytesAt(size, size);
  for (int i = 0; i < kRounds; ++i) {
    Pair pair = connect();
    RecvStream stream(pair.ours, i % 3 == 0 ? 1 : kCredit);
    if (i % 2 == 0) {
      SendSome(pair.peer.get(), "?");
      EXPECT_EQ((co_await Receive(stream, 1)).text, "?");
    }
    SendAround(pair.peer.get(), before, after);
    ExpectAround(co_await ReceiveAround(stream, before, after), before, after);
    co_await StopAndClose(stream);
  }
}
TEST_P(UrgentTest, AmongOthers) { Run(AllAtOnceMain(ConnectTcp, 6)); }
TEST_P(UrgentTest, AmongOthersUnix) { Run(AllAtOnceMain(ConnectUnix, 6)); }

// As the proxy's are: the urgent byte is one of the stream's.
Pair Prepared(Pair pair) {
  core::CurrentReactor().PrepareStream(pair.ours);
  return pair;
}
Pair PreparedTcp() { return Prepared(ConnectTcp()); }
Pair PreparedUnix() { return Prepared(ConnectUnix()); }
TEST_P(UrgentTest, AmongOthersPrepared) { Run(AllAtOnceMain(PreparedTcp, 6)); }
TEST_P(UrgentTest, AmongOthersPreparedUnix) { Run(AllAtOnceMain(PreparedUnix, 6)); }
// Around the size of a buffer, so that a stream that fills its buffers meets the mark.
TEST_P(UrgentTest, AmongMany) { Run(AllAtOnceMain(ConnectTcp, 20'000)); }

Task<int> SendAroundLater(int fd, const std::string& before, const std::string& after) {
  co_await Turns(3);
  SendAround(fd, before, after);
  co_return 0;
}
Task<void> WaitingMain() {
  const std::string before = "before";
  const std::string after = "after";
  for (int i = 0; i < kRounds; ++i) {
    Pair pair = ConnectTcp();
    RecvStream stream(pair.ours, kCredit);
    auto [text, zero] = co_await core::Join(ReceiveAround(stream, before, after),
                                            SendAroundLater(pair.peer.get(), before, after));
    (void)zero;
    ExpectAround(text, before, after);
    co_await StopAndClose(stream);
  }
}
TEST_P(UrgentTest, WhileWaiting) { Run(WaitingMain()); }

// A mark behind the last byte hides neither the end nor what is sent later.
Task<void> LastMain() {
  for (int i = 0; i < kRounds; ++i) {
    Pair pair = ConnectTcp();
    RecvStream stream(pair.ours, kCredit);
    SendSome(pair.peer.get(), "one");
    SendUrgent(pair.peer.get());
    EXPECT_EQ((co_await Receive(stream, 3)).text, "one");
    co_await Turns(2);
    SendSome(pair.peer.get(), "two");
    SendUrgent(pair.peer.get());
    pair.peer.Close();
    const Received rest = co_await ReceiveToEnd(stream);
    EXPECT_TRUE(rest.end);
    std::string ordinary = rest.text;
    std::erase(ordinary, '!');
    EXPECT_EQ(ordinary, "two");
    co_await StopAndClose(stream);
  }
}
TEST_P(UrgentTest, AtTheEnd) { Run(LastMain()); }

}  // namespace
}  // namespace sluice::contract
