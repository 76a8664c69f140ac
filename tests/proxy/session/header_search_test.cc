// HeaderSearch over real sockets: it takes a header off and nothing else, however the bytes come.
#include "proxy/session/header_search.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::proxy {
namespace {

using contract::CloseHere;
using contract::ConnectTcp;
using contract::ConnectUnix;
using contract::Pair;
using contract::SendSome;
using core::Task;
using Found = HeaderSearch::Found;

class HeaderSearchTest : public contract::ContractTest {};
SLUICE_CONTRACT(HeaderSearchTest, contract::kAll);

const std::string kLine = "PROXY TCP4 192.0.2.7 10.0.0.1 51514 443\r\n";
const std::string kLocal("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

// What is left of the stream, to its end.
Task<std::string> Rest(Pair& pair) {
  shutdown(pair.peer.get(), SHUT_WR);
  core::RecvStream stream(pair.ours, 65536);
  contract::Received rest = co_await contract::ReceiveToEnd(stream);
  EXPECT_EQ(rest.error, 0);
  co_await contract::StopAndClose(stream);
  co_return rest.text;
}

Task<void> SendInPieces(int fd, std::string text, size_t piece) {
  for (size_t at = 0; at < text.size(); at += piece) {
    SendSome(fd, text.substr(at, piece));
    (void)co_await core::Sleep(1ms);
  }
}

Task<void> SplitMain() {
  for (const std::string& header : {kLine, kLocal}) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}}) {
      Pair pair = ConnectTcp();
      HeaderSearch search(pair.ours, /*is_trusted=*/true);
      const std::string all = header + "hello";
      auto outcome = co_await core::Join(search.Run(), SendInPieces(pair.peer.get(), all, piece));
      EXPECT_EQ(std::get<0>(outcome), Found::kHeader);
      EXPECT_EQ(search.TakeHeld(), "");
      EXPECT_EQ(co_await Rest(pair), "hello");
    }
  }
}
TEST_P(HeaderSearchTest, TakesAHeaderOffAndNothingElse) { Run(SplitMain()); }

Task<void> OtherMain() {
  for (const std::string text : {"GET /", "PROXX", "\r\n\r\nx"}) {
    for (const size_t piece : {size_t{1}, size_t{1000}}) {
      Pair pair = ConnectTcp();
      HeaderSearch search(pair.ours, /*is_trusted=*/false);
      auto outcome = co_await core::Join(search.Run(), SendInPieces(pair.peer.get(), text, piece));
      EXPECT_EQ(std::get<0>(outcome), Found::kNoHeader);
      EXPECT_FALSE(search.has_begun());
      const std::string held = search.TakeHeld();
      EXPECT_LT(held.size(), 12u);
      EXPECT_EQ(held + co_await Rest(pair), text);
    }
  }
}
TEST_P(HeaderSearchTest, LosesNothingOfAnythingElse) { Run(OtherMain()); }

Task<void> EndsMain() {
  {
    Pair pair = ConnectTcp();
    HeaderSearch search(pair.ours, /*is_trusted=*/false);
    SendSome(pair.peer.get(), kLine.substr(0, 6));
    EXPECT_EQ(co_await search.Run(), Found::kUntrusted);
    CloseHere(pair.ours);
  }
  {
    Pair pair = ConnectTcp();
    HeaderSearch search(pair.ours, /*is_trusted=*/true);
    SendSome(pair.peer.get(), "PROXY TCP5 \r\n");
    EXPECT_EQ(co_await search.Run(), Found::kMalformed);
    EXPECT_STREQ(search.why(), "the family is none of TCP4, TCP6 and UNKNOWN");
    CloseHere(pair.ours);
  }
  for (const bool is_tcp : {true, false}) {
    Pair pair = is_tcp ? ConnectTcp() : ConnectUnix();
    HeaderSearch search(pair.ours, /*is_trusted=*/true);
    SendSome(pair.peer.get(), kLine.substr(0, 9));
    pair.peer.Close();
    EXPECT_EQ(co_await search.Run(), Found::kEnd);
    EXPECT_TRUE(search.has_begun());
    CloseHere(pair.ours);
  }
  {
    Pair pair = ConnectTcp();
    HeaderSearch search(pair.ours, /*is_trusted=*/true);
    contract::Reset(pair.peer);
    EXPECT_EQ(co_await search.Run(), Found::kError);
    EXPECT_EQ(search.error(), ECONNRESET);
    CloseHere(pair.ours);
  }
}
TEST_P(HeaderSearchTest, Ends) { Run(EndsMain()); }

// Cancelled it has found nothing, and goes on from there.
Task<void> CancelMain() {
  Pair pair = ConnectTcp();
  HeaderSearch search(pair.ours, /*is_trusted=*/true);
  SendSome(pair.peer.get(), kLine.substr(0, 9));
  auto outcome = co_await core::Select(search.Run(), core::Sleep(50ms));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), Found::kNothingYet);
  EXPECT_TRUE(search.has_begun());
  SendSome(pair.peer.get(), kLine.substr(9) + "hello");
  EXPECT_EQ(co_await search.Run(), Found::kHeader);
  EXPECT_EQ(search.header().source.ToString(), "192.0.2.7:51514");
  EXPECT_EQ(co_await Rest(pair), "hello");
}
TEST_P(HeaderSearchTest, GoesOnAfterItWasCancelled) { Run(CancelMain()); }

}  // namespace
}  // namespace sluice::proxy
