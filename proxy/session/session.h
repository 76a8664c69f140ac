// RunSession: one client connection, its upstream connection, and every decision about them.
//
//   IDENTIFY ──► ROUTE ──► CONNECT ──► RELAY ──► FLUSH ──► REPORT
//      │           │          └── not connected ───────────┘
//      └───────────┴── reset, rejected, told to end ───────┘
//
// Identify is a stage of listeners whose clients send PROXY headers (identify.cc). Route is one of
// listeners that have routes: what the client sends first says which upstream it is connected to
// (route.cc). Until then a drain resets it at once, and a reload counts for it.
//
// A session is one task, so that its two pumps, its timer and its shutdown notice need no lock. Its
// stages are listed in session.cc. Each stage is a coroutine whose frame goes when the stage ends;
// only the session's own frame and those of the two pumps are held while it waits for data.
//
// How it ends is decided in session_end.h, when a timeout has passed in deadlines.h; what the peers
// see of it in linger.cc:
//
//   both flows ended with FIN ─────────────────► FIN to both
//   a peer has reset its connection ───────────► what it sent before is flushed; RST to the other
//   lifetime, write stall ─────────────────────► what was accepted is flushed; RST to both
//   idle, half-close, shutdown, not connected ─► RST to both at once
//   a wrong header, not allowed to connect ────► RST, and nothing of it has gone to the upstream
//
// End of stream is passed on with shutdown(2) once all bytes before it have been sent, and the
// other direction goes on. A reset is passed on as a reset, after the kernel has got rid of the
// bytes that came before it, as long as their reader takes some (timeouts.linger). Whatever the
// proxy ends by itself it ends with a reset: a clean end is only shown to a peer whose partner
// ended cleanly. With half_close: close the first end of stream ends both directions, once it has
// been passed on and has arrived, within the same bounds; a client is not shown that end before its
// slots are free.
#ifndef SLUICE_PROXY_SESSION_SESSION_H_
#define SLUICE_PROXY_SESSION_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/base/intrusive_ptr.h"
#include "core/log/logger.h"
#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/events.h"
#include "proxy/observe/stats_registry.h"
#include "proxy/session/deadlines.h"
#include "proxy/session/shared_pace.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

struct IdentifySettings;
class SessionRegistry;
struct Routing;

// Bytes per second; 0 = no limit. What sessions share is the listener's.
struct SessionBandwidth {
  uint64_t per_connection = 0;  // each direction
  SharedPace* up = nullptr;
  SharedPace* down = nullptr;

  bool limited() const { return per_connection != 0 || up->limited() || down->limited(); }
};

// What all sessions of a listener have in common. What is pointed to lives as long as the server,
// which waits for its sessions.
struct SessionSettings {
  std::string listener;  // name
  SessionTimeouts timeouts;
  bool close_after_fin = false;  // half_close: close
  uint32_t credit;               // bytes per direction
  SessionBandwidth bandwidth;
  core::IntrusivePtr<Upstream> upstream;
  Stats* stats;
  core::IntrusivePtr<SessionStats> counts = {};  // keeps those, if they are not the owner's
  core::Logger* logger;
  Events* events;
  core::LogThrottle* short_throttle;     // of the line that says that buffers are short
  AccessLog* access_log = nullptr;       // or null
  bool records_rejected = false;         // also connections that never became sessions
  bool measures_paths = false;           // there is an admin endpoint to show round trips
  SessionRegistry* registry = nullptr;   // or null: nothing looks at them
  core::CancellationToken end_all;       // shutdown after drain_timeout
  core::CancellationToken end_unrouted;  // a drain begins: of those that wait before they connect
  std::shared_ptr<const IdentifySettings> identify = {};  // null: the socket says who it is
  std::shared_ptr<const Routing> routing = {};  // routing.h; null: nothing is asked before connect
};

// The settings, with a count of the references to them: every session holds one, to its end. They
// do not change; another configuration makes others.
struct SessionContext : core::RefCounted, SessionSettings {
  explicit SessionContext(SessionSettings settings) : SessionSettings(std::move(settings)) {}
};

// Runs a session to its end. Owns `client` (a descriptor) and `ticket`; what the ticket's limits
// belong to is kept by `context`.
core::Root<void> RunSession(core::IntrusivePtr<const SessionContext> context, int client,
                            Ticket ticket);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_H_
