#include "proxy/upstream/health/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

using Wants = Exchange::Wants;

ExchangeSteps Steps(const std::vector<std::pair<std::string, std::string>>& steps) {
  ExchangeSteps made;
  for (const auto& [send, expect] : steps) {
    made.push_back({.send = send, .expect = SoughtText(expect)});
  }
  return made;
}

// What has been sent when `answer` has come in pieces of this size; what is left of it is lost.
std::string Hear(Exchange& exchange, std::string_view answer, size_t piece) {
  std::string sent;
  std::string_view left;
  for (;;) {
    if (exchange.wants() == Wants::kSend) {
      sent += exchange.to_send();
      exchange.Sent();
    } else if (exchange.wants() == Wants::kReceive) {
      if (left.empty()) left = answer.substr(0, piece);
      if (left.empty()) return sent;
      const size_t used = exchange.Take(left);
      left.remove_prefix(used);
      answer.remove_prefix(used);
    } else {
      return sent;
    }
  }
}

TEST(Exchange, FindsWhatIsExpectedInPiecesOfAnySize) {
  const ExchangeSteps steps = Steps({{"", "220 "}, {"HELO a\r\n", "250"}, {"QUIT\r\n", ""}});
  const std::string_view answer = "220-mail\r\n220 ready\r\n250 ok\r\n";
  for (size_t piece = 1; piece <= answer.size(); ++piece) {
    Exchange exchange(steps);
    EXPECT_EQ(Hear(exchange, answer, piece), "HELO a\r\nQUIT\r\n") << piece;
    EXPECT_EQ(exchange.wants(), Wants::kNothing) << piece;
  }
}

TEST(Exchange, FindsATextThatBeginsAnewWithinItself) {
  const ExchangeSteps steps = Steps({{"", "aabaaab"}});
  for (size_t piece = 1; piece <= 12; ++piece) {
    Exchange exchange(steps);
    (void)Hear(exchange, "aaabaabaaabx", piece);
    EXPECT_EQ(exchange.wants(), Wants::kNothing) << piece;
  }
}

TEST(Exchange, EachStepLooksBehindTheOneBefore) {
  const ExchangeSteps steps = Steps({{"", "ab"}, {"", "ba"}});
  Exchange apart(steps);
  (void)Hear(apart, "abba", 4);
  EXPECT_EQ(apart.wants(), Wants::kNothing);
  Exchange shared(steps);
  (void)Hear(shared, "aba", 3);
  EXPECT_EQ(shared.wants(), Wants::kReceive);
}

TEST(Exchange, SendsNothingBeforeItsTurn) {
  const ExchangeSteps steps = Steps({{"one", "1"}, {"two", "2"}});
  Exchange exchange(steps);
  EXPECT_EQ(Hear(exchange, "", 1), "one");
  EXPECT_EQ(exchange.WaitsFor(), "answer with \"1\"");
  EXPECT_EQ(exchange.Where(), " in step 1 of 2, which got nothing");
}

TEST(Exchange, TellsWhatCame) {
  const ExchangeSteps steps = Steps({{"PING\r\n", "+PONG"}});
  Exchange wrong(steps);
  (void)Hear(wrong, "-ERR \x01\xff\r\n", 3);
  EXPECT_EQ(wrong.WaitsFor(), "answer with \"+PONG\"");
  EXPECT_EQ(wrong.Where(), " in step 1 of 1, which got \"-ERR \\x01\\xff\\r\\n\"");
  Exchange longer(steps);
  (void)Hear(longer, std::string(100, 'x'), 7);
  EXPECT_EQ(longer.Where(),
            " in step 1 of 1, which got \"" + std::string(64, 'x') + "\" and 36 bytes more");
  Exchange right(steps);
  (void)Hear(right, "+PONG\r\n", 1);
  EXPECT_EQ(right.Answer(), "answered \"+PONG\"");
}

TEST(Exchange, TellsNothingThatWasSent) {
  const ExchangeSteps steps = Steps({{"AUTH hunter2\r\n", "+OK"}});
  Exchange exchange(steps);
  (void)Hear(exchange, "unknown: AUTH hunter2, sorry", 5);
  EXPECT_EQ(exchange.Where(), " in step 1 of 1, which got \"unknown: ***, sorry\"");
}

TEST(Exchange, ReadsSoMuchAndNoMore) {
  const ExchangeSteps steps = Steps({{"", "end"}});
  std::string answer(Exchange::kMostAnswer - 3, '.');
  for (const size_t piece : {1ul, 1000ul, 100'000ul}) {
    Exchange exchange(steps);
    (void)Hear(exchange, answer + "end", piece);
    EXPECT_EQ(exchange.wants(), Wants::kNothing);
    Exchange late(steps);
    (void)Hear(late, answer + ".end", piece);
    EXPECT_EQ(late.wants(), Wants::kTooMuch);
  }
}

TEST(Exchange, AStepMaySendOrExpectNothing) {
  const ExchangeSteps steps = Steps({{"only", ""}});
  Exchange exchange(steps);
  EXPECT_EQ(Hear(exchange, "", 1), "only");
  EXPECT_EQ(exchange.wants(), Wants::kNothing);
  EXPECT_EQ(exchange.Answer(), "all has been sent");
}

}  // namespace
}  // namespace sluice::proxy
