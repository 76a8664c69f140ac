// What an HTTP request asks, and the answer to it.
#ifndef SLUICE_PROXY_ADMIN_HTTP_EXCHANGE_H_
#define SLUICE_PROXY_ADMIN_HTTP_EXCHANGE_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::core {
class CancellationSource;
}  // namespace sluice::core

namespace sluice::proxy {

// The program at the other end of a connection.
struct HttpPeer {
  bool is_unix = false;
  uid_t uid = 0;     // of a UNIX socket
  std::string name;  // for the log: "uid 0, pid 12", or an address
};

struct HttpRequest {
  HttpPeer peer;
  size_t door = 0;  // the listening socket that it came through: its index
  std::string method;
  std::string target;  // as it was sent: neither split nor decoded
  // Of headers, "": there is none.
  std::string host;
  std::string origin;
  std::string fetch_site;  // Sec-Fetch-Site
  std::string authorization;
  std::string content_type;
  std::string accept;
  std::string if_none_match;
  std::string body;
  // False: so many requests wait already that this one is to be answered before the handler
  // returns; what cannot be is answered 503, and nothing of it is done.
  bool may_wait = true;
  // Cancelled when the client goes, or ends what it sends, while it waits: its answer is dropped.
  std::shared_ptr<core::CancellationSource> gone;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string cache_control = "no-store";
};

// Answers a request: once, from any thread.
using HttpAnswer = std::function<void(HttpResponse)>;

// Called by the server's thread, which it must not hold up.
using HttpHandler = std::function<void(const HttpRequest&, HttpAnswer)>;

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_EXCHANGE_H_
