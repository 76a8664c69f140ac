// Timeline: when a session did what, and with which endpoint. Only logs and the policy that goes by
// latency ask for it: a session has one only if there is an access log, the debug level is on, or
// the upstream measures how long its endpoints take to answer.
//
// Threads: inside the session's task, but for WriteInterim. What that reads is an atomic with one
// writer, or it is written under the registry's lock (NoteConnect).
#ifndef SLUICE_PROXY_SESSION_TIMELINE_H_
#define SLUICE_PROXY_SESSION_TIMELINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "proxy/observe/access_log/session_record.h"
#include "proxy/observe/end_reason.h"
#include "proxy/route/client_hello.h"
#include "proxy/session/session.h"
#include "proxy/upstream/connector.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

struct ClientIdentity;

// What a session knows, whether a log asks or not.
struct SessionOutcome {
  uint64_t id = 0;
  core::Instant started_at;
  core::Duration total{0};  // how long it lasted
  uint64_t bytes_up = 0;    // accepted by the kernel, for the upstream
  uint64_t bytes_down = 0;  // ... for the client
  EndReason reason = {};
  int error = 0;  // errno of what broke, 0 = none
};

// What the kernel knows of a session's connections while they are open.
struct SessionSockets {
  // `upstream`: -1: there is none.
  static SessionSockets Of(core::SocketApi& sockets, int client, int upstream);

  core::PathQuality client_path;
  core::PathQuality upstream_path;
  core::Address local;  // where the client has connected to
  core::Address upstream_local;
};

class Timeline {
 public:
  // Null if nothing of `context` asks for one. `client`: the session's descriptor.
  static std::unique_ptr<Timeline> IfAsked(const SessionContext& context, int client);

  explicit Timeline(const core::Address& peer) : peer_(peer) {}

  // `identity` lives as long.
  void NoteIdentity(const ClientIdentity* identity);
  void NoteConnect(Connected& connected);
  // Tells `queue` how long `endpoint`, whose slot the session holds, takes to answer.
  void MeasureAnswer(EndpointQueue& queue, Endpoint& endpoint) {
    queue_ = &queue;
    measured_ = &endpoint;
  }
  void NoteRelay(core::Instant now) { connected_at_.store(now, std::memory_order_relaxed); }
  // Under the registry's lock. `hello`: what the client of TLS has said, or null.
  void NoteRoute(std::string_view route, const ClientHello* hello);
  // Under the registry's lock: the id that was made and sent; what rejects it of an access list.
  void NoteUniqueId(std::string id) { told().unique_id = std::move(id); }
  void NoteRule(std::string rule) { told().rule = std::move(rule); }
  // One side has sent something: `is_up`: the client.
  void NoteBytes(bool is_up, core::Instant now) {
    core::Atomic<core::OptionalInstant>& first_at = is_up ? first_request_at_ : first_byte_at_;
    if (Read(first_at)) return;
    first_at.store(now, std::memory_order_relaxed);
    if (!is_up && measured_ != nullptr) NoteAnswer(now);
  }
  // At its end: a session that waits holds nothing for it.
  void NoteSockets(const SessionSockets& sockets) {
    sockets_ = std::make_unique<SessionSockets>(sockets);
  }
  // Of the bytes that were accepted, those that a reset has cut. No socket's queue is longer.
  void NoteUndelivered(bool is_up, uint32_t bytes) {
    (is_up ? undelivered_up_ : undelivered_down_) = bytes;
  }

  // Writes the access record and the debug line, those of the two that are asked for. One that was
  // rejected when its client was known has the record of a rejection.
  void Report(const SessionContext& context, const SessionOutcome& outcome) const;
  // Writes the access record of a session that lives on. Any thread, while it is listed.
  void WriteInterim(const SessionContext& context, const SessionOutcome& so_far,
                    const SessionSockets& sockets) const {
    WriteRecord(RecordKind::kInterim, context, so_far, sockets);
  }

 private:
  struct Told {
    std::string route = {};  // "": its listener has no routes
    std::string sni = {};
    std::string alpn = {};
    std::string unique_id = {};
    std::string rule = {};
  };

  static core::OptionalInstant Read(const core::Atomic<core::OptionalInstant>& at) {
    return at.load(std::memory_order_relaxed);
  }
  void NoteAnswer(core::Instant now);
  Told& told() {
    if (told_ == nullptr) told_ = std::make_unique<Told>();
    return *told_;
  }
  void WriteRecord(RecordKind kind, const SessionContext& context, const SessionOutcome& outcome,
                   const SessionSockets& sockets) const;
  void WriteDebugLine(const SessionContext& context, const SessionOutcome& outcome) const;

  const core::Address& client() const;
  static Rejection RejectionOf(const SessionOutcome& outcome);

  const core::Address peer_;                          // the client's connection
  const ClientIdentity* identity_ = nullptr;          // null: it has sent no PROXY header
  int attempts_ = 0;                                  // endpoints tried
  EndpointRef endpoint_;                              // the last one tried
  std::unique_ptr<std::vector<EndpointRef>> failed_;  // null: none has
  std::unique_ptr<Told> told_;                        // null: none of these
  std::optional<core::Duration> queued_;              // these four: none: it did not happen
  core::Atomic<core::OptionalInstant> connected_at_{core::OptionalInstant()};
  core::Atomic<core::OptionalInstant> first_byte_at_{core::OptionalInstant()};  // of the upstream
  core::Atomic<core::OptionalInstant> first_request_at_{core::OptionalInstant()};  // of the client
  EndpointQueue* queue_ = nullptr;  // these two: null: no policy goes by latency
  Endpoint* measured_ = nullptr;
  std::unique_ptr<const SessionSockets> sockets_;  // null: not yet
  uint32_t undelivered_up_ = 0;
  uint32_t undelivered_down_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_TIMELINE_H_
