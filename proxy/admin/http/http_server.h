// HttpServer: HTTP/1.1 on listening sockets that it is given, on a thread of its own, for few
// clients that may be slow, idle or of ill will.
//
//   accept ──► READING ── a request is complete ──► the handler ── answers ──► WRITING
//                ▲ │                                    │                       │  │
//                │ │                                    └─► WAITING ── answered ┘  │
//                │ │                                           └── the client goes ──► CLOSED
//                └─┼───────────── keep-alive ──────────────────────────────────────┘
//                  ├── kTimeout since it was accepted, or since its last request ──► CLOSED
//                  ├── kMostHeld are open, and another one comes ──► the oldest is CLOSED
//                  └── more than kMostBody bytes, or no HTTP ──► 413, 400, 431 ────► CLOSED
//
// Bounds: kMostConnections at once. When a new one is accepted and kMostHeld are open, whatever
// they do, the one that has gone longest without a complete request is closed, of those that are
// READING or WRITING: so clients that hold connections never keep others out. At most kMostWaiting
// are WAITING; the handler of a further one is told so (HttpRequest::may_wait), and one that would
// have to wait is answered 503. So the rest is for requests that are complete when they come. A
// client that ends what it sends while it waits has gone: it gives its place back at once.
//
// Answers are unsent until their clients have read them: of those larger than kSmall no more than
// kMostUnsent bytes and one answer. Beyond that the oldest of these clients is closed and the
// request is answered 503; the next one finds room (HttpConnections).
//
// Once its doors are closed it accepts nothing, closes what does not wait for an answer, and each
// answer closes its connection: so another process can have the address, and requests that wait
// are answered all the same.
//
// Threads: Start, CloseDoors and Stop those of its owner; the handler runs on its own thread, an
// HttpAnswer on any, also after Stop.
// Checked by: tests/proxy/admin/http_server_test.cc, tests/e2e/test_admin.py,
// tests/e2e/test_ctl_upgrade.py.
#ifndef SLUICE_PROXY_ADMIN_HTTP_HTTP_SERVER_H_
#define SLUICE_PROXY_ADMIN_HTTP_HTTP_SERVER_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/admin/http/exchange.h"

namespace sluice::proxy {

class HttpServer {
 public:
  static constexpr size_t kMostConnections = 64;
  static constexpr size_t kMostHeld = 56;
  static constexpr size_t kMostWaiting = 24;
  static constexpr size_t kMostBody = 64 << 10;
  static constexpr core::Duration kTimeout = 30s;
  // Connections, and what the thread waits with.
  static constexpr size_t kDescriptors = kMostConnections + 4;

  // `doors`: listening sockets, which stay the caller's and open until CloseDoors or Stop.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(std::vector<int> doors,
                                                           HttpHandler handler);

  virtual ~HttpServer() = default;

  // Returns when it has done with the doors. Once, before Stop.
  virtual void CloseDoors() = 0;

  // Ends the thread. Requests that wait are answered 503. Once.
  virtual void Stop() = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_HTTP_SERVER_H_
