#include "proxy/upstream/health/http_status.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>

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

}  // namespace
}  // namespace sluice::proxy
