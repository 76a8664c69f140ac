// HttpRequest: the head of an HTTP/1 request, as far as a small server has to understand it.
//
// RFC 9112. A line may end with a bare LF. Pure: no descriptor, no clock.
// Checked by: //tests/proxy/app:http_request_test
#ifndef SLUICE_PROXY_APP_HTTP_REQUEST_H_
#define SLUICE_PROXY_APP_HTTP_REQUEST_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::proxy {

// Bytes of a head: request line, fields and the empty line behind them.
inline constexpr size_t kMostHttpHead = 8192;

struct HttpRequest {
  std::string target;       // as it was sent
  bool head = false;        // HEAD: the answer has no body
  bool keep_alive = false;  // the client may send another request on this connection
  bool has_body = false;    // a body follows the head
};

// What is to be done with the bytes received so far.
enum class HttpStatus {
  kIncomplete = 0,  // wait for more of them
  kOk = 200,
  kBadRequest = 400,
  kMethodNotAllowed = 405,
  kRequestTimeout = 408,  // never the parser's
  kUriTooLong = 414,
  kFieldsTooLarge = 431,
  kVersionNotSupported = 505,
};

// Reads one head from the beginning of `bytes`. With kOk `request` is what it says and `used` its
// size; with any other status `used` has no meaning, and the connection is of no use afterwards.
// What no continuation can make valid is rejected at once, without the end of the head.
HttpStatus ParseHttpRequest(std::string_view bytes, HttpRequest& request, size_t& used);

// "Not Found" for 404.
std::string_view HttpReason(HttpStatus status);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_HTTP_REQUEST_H_
