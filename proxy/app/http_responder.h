// HttpResponder: a small HTTP/1.1 server on core/, the other end of --demo. It answers GET and HEAD
// with a greeting that names what was asked for.
//
// A connection, all of it in one task:
//
//   READING ── a head is complete ──► answered, together with others that came in the same bytes
//      │ ▲                              │ keep-alive
//      │ └──────────────────────────────┘
//      ├── kIdleTimeout without a byte, end of stream, reset ───────────────────────► CLOSED
//      └── bad head, kHeadTimeout, "Connection: close", a body ──► answered ──► FINISHING
//                                                                                   │
//            end of stream, kFinishTimeout or kMostDropped bytes later ──► CLOSED ◄─┘
//
// FINISHING drops what the client still sends: a close with bytes unread would be a reset, and
// might take the answer with it. Bounded against rude clients: bytes of a head (http_request.h),
// answers held back (kMostOutput), times, and connections (kMostConnections; more are reset).
// Threads: those of the runtime's only worker. Checked by: //tests/e2e:test_demo
#ifndef SLUICE_PROXY_APP_HTTP_RESPONDER_H_
#define SLUICE_PROXY_APP_HTTP_RESPONDER_H_

#include <cstddef>

#include "core/base/time.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"

namespace sluice::proxy {

class HttpResponder {
 public:
  static constexpr size_t kMostConnections = 1000;
  static constexpr core::Duration kIdleTimeout = 60s;
  static constexpr core::Duration kHeadTimeout = 5s;   // from its first byte
  static constexpr core::Duration kSendTimeout = 10s;  // until the client takes a byte
  static constexpr core::Duration kFinishTimeout = 1s;
  static constexpr size_t kMostDropped = 1 << 20;  // bytes
  static constexpr size_t kMostOutput = 16384;     // bytes of answers, and one answer more

  // Serves the listening socket, which it closes at the end, until `stop` is cancelled.
  HttpResponder(int listener, core::CancellationToken stop) : listener_(listener), stop_(stop) {}

  // The first task of a runtime of one worker.
  core::Task<void> Run();

 private:
  core::Task<void> Accept(core::TaskGroup& connections);
  core::Task<void> Serve(int fd);

  const int listener_;
  const core::CancellationToken stop_;
  size_t connections_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_HTTP_RESPONDER_H_
