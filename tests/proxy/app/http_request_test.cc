#include "proxy/app/http_request.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::proxy {
namespace {

struct Parsed {
  HttpStatus status = HttpStatus::kIncomplete;
  HttpRequest request;
  size_t used = 0;
};

Parsed Parse(std::string_view bytes) {
  Parsed parsed;
  parsed.status = ParseHttpRequest(bytes, parsed.request, parsed.used);
  return parsed;
}

HttpStatus StatusOf(std::string_view bytes) { return Parse(bytes).status; }

// A request with these fields, each with its line's end.
std::string Get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

TEST(HttpRequestTest, TellsWhatIsAskedFor) {
  const std::string head = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
  const Parsed parsed = Parse(head + "GET /next");
  EXPECT_EQ(parsed.status, HttpStatus::kOk);
  EXPECT_EQ(parsed.request.target, "/a?b=c");
  EXPECT_EQ(parsed.used, head.size());
  EXPECT_FALSE(parsed.request.head);
  EXPECT_TRUE(parsed.request.keep_alive);
  EXPECT_FALSE(parsed.request.has_body);
}

TEST(HttpRequestTest, HeadIsGetWithoutABody) {
  EXPECT_TRUE(Parse("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").request.head);
}

TEST(HttpRequestTest, TakesBareLineFeedsAndEmptyLinesBefore) {
  const std::string head = "\r\n\nGET http://x/y HTTP/1.1\nHost: x\n\n";
  const Parsed parsed = Parse(head);
  EXPECT_EQ(parsed.status, HttpStatus::kOk);
  EXPECT_EQ(parsed.request.target, "http://x/y");
  EXPECT_EQ(parsed.used, head.size());
}

TEST(HttpRequestTest, KeepsTheConnectionAsTheVersionAndTheFieldSay) {
  EXPECT_TRUE(Parse(Get("")).request.keep_alive);
  EXPECT_FALSE(Parse(Get("Connection: foo , Close\r\n")).request.keep_alive);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\n\r\n").request.keep_alive);
  EXPECT_TRUE(Parse("GET / HTTP/1.0\r\nConnection:Keep-Alive\r\n\r\n").request.keep_alive);
}

TEST(HttpRequestTest, SeesABody) {
  EXPECT_FALSE(Parse(Get("Content-Length: 00\r\n")).request.has_body);
  EXPECT_TRUE(Parse(Get("Content-Length: 5\r\n")).request.has_body);
  EXPECT_TRUE(Parse(Get("Transfer-Encoding: chunked\r\n")).request.has_body);
}

TEST(HttpRequestTest, RejectsWhatIsNoRequest) {
  const std::vector<std::string> bad = {
      "\x16\x03\x01\x02",                                  // a TLS ClientHello, and not finished
      " GET / HTTP/1.1\r\n",                               // a blank before the method
      "GET /\r\n",                                         // HTTP/0.9
      "GET  HTTP/1.1\r\n",                                 // no target
      "GET x HTTP/1.1\r\n",                                // neither a path nor a URI
      "GET /a b HTTP/1.1\r\n",                             // a blank in the target
      "GET /\x80 HTTP/1.1\r\n",                            // and a byte that is none of a URI
      "GET / HTTP/1.x\r\n",                                // no version
      "GET / http/1.1\r\n",                                // its name is in capitals
      "GET / HTTP/1.1\r\n\r\n",                            // no Host
      "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",      // two of them
      "GET / HTTP/1.1\r\nHost : x\r\n",                    // a blank before the colon
      "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n",       // a field that goes on in the next line
      "GET / HTTP/1.1\r\nnothing\r\n",                     // a field without a colon
      std::string("GET / HTTP/1.1\r\nHost: x\0\r\n", 26),  // a NUL
      "GET / HTTP/1.1\r\nHost: x\ry\r\n",                  // a bare CR
      Get("Content-Length: -1\r\n"),
      Get("Content-Length: 1\r\nContent-Length: 2\r\n"),
      Get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      std::string(25, 'G'),  // longer than any method
  };
  for (const std::string& bytes : bad) {
    EXPECT_EQ(StatusOf(bytes), HttpStatus::kBadRequest) << bytes;
  }
}

TEST(HttpRequestTest, RejectsOtherMethodsAndVersions) {
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\n"), HttpStatus::kMethodNotAllowed);
  EXPECT_EQ(StatusOf("OPTIONS * HTTP/1.1\r\n"), HttpStatus::kMethodNotAllowed);
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n"), HttpStatus::kVersionNotSupported);
}

TEST(HttpRequestTest, BoundsTheHead) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
  const std::string end = "\r\n\r\n";
  const std::string largest =
      begin + std::string(kMostHttpHead - begin.size() - end.size(), 'a') + end;
  EXPECT_EQ(StatusOf(largest), HttpStatus::kOk);
  EXPECT_EQ(StatusOf(begin + "a" + largest.substr(begin.size())), HttpStatus::kFieldsTooLarge);
  EXPECT_EQ(StatusOf(begin + std::string(kMostHttpHead, 'a')), HttpStatus::kFieldsTooLarge);
  EXPECT_EQ(StatusOf("GET /" + std::string(kMostHttpHead, 'a')), HttpStatus::kUriTooLong);
  EXPECT_EQ(StatusOf(std::string(2 * kMostHttpHead, '\n')), HttpStatus::kUriTooLong);
}

// However the bytes arrive: it waits, and then says the same.
TEST(HttpRequestTest, SaysTheSameHoweverTheBytesArrive) {
  for (const std::string& bytes :
       {Get("Connection: close\r\n"), Get("bad\r\n"), std::string("\r\nHEAD / HTTP/1.0\n\n"),
        std::string("GET / HTTP/9.9\r\n"), std::string("GE T\x01 / HTTP/1.1\r\n")}) {
    const HttpStatus whole = StatusOf(bytes);
    EXPECT_NE(whole, HttpStatus::kIncomplete) << bytes;
    bool decided = false;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      const HttpStatus status = StatusOf(std::string_view(bytes).substr(0, size));
      decided |= status != HttpStatus::kIncomplete;
      EXPECT_EQ(status, decided ? whole : HttpStatus::kIncomplete) << bytes.substr(0, size);
    }
  }
}

TEST(HttpRequestTest, EveryStatusHasItsReason) {
  for (const HttpStatus status :
       {HttpStatus::kOk, HttpStatus::kBadRequest, HttpStatus::kMethodNotAllowed,
        HttpStatus::kRequestTimeout, HttpStatus::kUriTooLong, HttpStatus::kFieldsTooLarge,
        HttpStatus::kVersionNotSupported}) {
    EXPECT_FALSE(HttpReason(status).empty()) << static_cast<int>(status);
  }
}

}  // namespace
}  // namespace sluice::proxy
