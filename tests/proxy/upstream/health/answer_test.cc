// How the answers to checks are read: HttpStatus and Expectation.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "proxy/upstream/health/expectation.h"
#include "proxy/upstream/health/http_status.h"

namespace sluice::proxy {
namespace {

using State = HttpStatus::State;

TEST(HttpStatus, ReadsTheCodeInPiecesOfAnySize) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 200\r\n", "HTTP/1.1 200\n", "HTTP/1.9 200 \r\nX: y"}) {
    for (size_t piece = 1; piece <= text.size(); ++piece) {
      HttpStatus status;
      for (size_t i = 0; i < text.size(); i += piece) (void)status.Take(text.substr(i, piece));
      EXPECT_EQ(status.state(), State::kDone) << text;
      EXPECT_EQ(status.code(), 200) << text;
    }
  }
}

TEST(HttpStatus, WaitsForWhatIsBehindTheCode) {
  HttpStatus status;
  EXPECT_EQ(status.Take("HTTP/1.1 503"), State::kMore);
  EXPECT_EQ(status.Take(" "), State::kDone);
  EXPECT_EQ(status.code(), 503);
  EXPECT_EQ(status.Take("HTTP/1.1 200 "), State::kDone);
  EXPECT_EQ(status.code(), 503);
}

TEST(HttpStatus, KnowsWhatIsNone) {
  for (const std::string_view text :
       {"SSH-2.0-OpenSSH", "HTTP/2 200 OK", "HTTP/1.1  200", "HTTP/1.1 2000", "HTTP/1.1 20 OK",
        "HTTP/1.1 600 ", "HTTP/1.1 099 ", "HTTP/1.x 200 ", "http/1.1 200 ", "\r\nHTTP/1.1 200 ",
        "HTTP/1.1 200OK"}) {
    HttpStatus status;
    EXPECT_EQ(status.Take(text), State::kBad) << text;
  }
}

TEST(Expectation, FindsItAnywhereInPiecesOfAnySize) {
  const std::string text = "220 mail ESMTP ++PONG\r\nrest";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    Expectation expected("+PONG");
    size_t i = 0;
    while (i < text.size() && !expected.Take(text.substr(i, piece))) i += piece;
    ASSERT_LT(i, text.size()) << piece;
    const std::string whole = expected.TakeRest() + text.substr(std::min(text.size(), i + piece));
    EXPECT_EQ(whole, "\r\nrest") << piece;
  }
}

TEST(Expectation, AWrongOrAPartialAnswerIsNotIt) {
  Expectation expected("+PONG");
  EXPECT_FALSE(expected.Take("-ERR no\r\n"));
  EXPECT_FALSE(expected.Take("+PON"));
  EXPECT_FALSE(expected.Take("+PON"));
  EXPECT_TRUE(expected.Take("G"));
}

// As a search in all that came says, and without keeping it.
TEST(Expectation, IsASearch) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const auto text_of = [](uint64_t from, size_t size) {
      std::string text;
      for (size_t i = 0; i < size; ++i) text += "ab"[core::Mix(from + i) % 2];
      return text;
    };
    const std::string wanted = text_of(seed * 31, core::Mix(seed) % 6 + 1);
    Expectation expected(wanted);
    std::string all;
    for (uint64_t i = 0; i < 12; ++i) {
      const std::string piece = text_of(seed * 977 + i * 13, core::Mix(seed + i) % 4);
      all += piece;
      const bool found = expected.Take(piece);
      ASSERT_EQ(found, all.find(wanted) != all.npos) << wanted << " in " << all;
      if (!found) continue;
      EXPECT_EQ(expected.TakeRest(), all.substr(all.find(wanted) + wanted.size()));
      break;
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
