// Timeline: when a session did what, and with which endpoint. Only logs and the policy that goes by
// latency ask for it: a session has one only if there is an access log, the debug level is on, or
// the upstream measures how long its endpoints take to answer.
#ifndef SLUICE_PROXY_SESSION_TIMELINE_H_
#define SLUICE_PROXY_SESSION_TIMELINE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "proxy/observe/end_reason.h"
#include "proxy/session/session.h"
#include "proxy/upstream/connector.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

// What a session knows at its end, whether a log asks or not.
struct SessionOutcome {
  core::Instant started_at;
  core::Duration total{0};  // how long it lasted
  uint64_t bytes_up = 0;    // accepted by the kernel, for the upstream
  uint64_t bytes_down = 0;  // ... for the client
  EndReason reason;
  int error = 0;  // errno of what broke, 0 = none
};

class Timeline {
 public:
  // Null if nothing of `context` asks for one. `client`: the session's descriptor.
  static std::unique_ptr<Timeline> IfAsked(const SessionContext& context, int client);

  explicit Timeline(const core::Address& client) : client_(client) {}

  void NoteConnect(const Connected& connected);
  // Tells `queue` how long `endpoint`, whose slot the session holds, takes to answer.
  void MeasureAnswer(EndpointQueue& queue, Endpoint& endpoint) {
    queue_ = &queue;
    measured_ = &endpoint;
  }
  void NoteRelay(core::Instant now) { connected_at_ = now; }
  // One side has sent something: `is_up`: the client.
  void NoteBytes(bool is_up, core::Instant now) {
    core::OptionalInstant& first_at = is_up ? first_request_at_ : first_byte_at_;
    if (first_at) return;
    first_at = now;
    if (!is_up && measured_ != nullptr) NoteAnswer(now);
  }
  // What the kernel knows of the connections only while they are open. `upstream`: -1: none.
  void NotePaths(int client, int upstream);
  // Of the bytes that were accepted, those that a reset has cut. No socket's queue is longer.
  void NoteUndelivered(bool is_up, uint32_t bytes) {
    (is_up ? undelivered_up_ : undelivered_down_) = bytes;
  }

  // Writes the access record and the debug line, those of the two that are asked for.
  void Report(const SessionContext& context, const SessionOutcome& outcome) const;

 private:
  void NoteAnswer(core::Instant now);
  void WriteRecord(const SessionContext& context, const SessionOutcome& outcome) const;
  void WriteDebugLine(const SessionContext& context, const SessionOutcome& outcome) const;

  core::Address client_;
  int attempts_ = 0;                      // endpoints tried
  EndpointRef endpoint_;                  // the last one tried
  std::optional<core::Duration> queued_;  // these three: none: it did not happen
  core::OptionalInstant connected_at_;
  core::OptionalInstant first_byte_at_;     // of the upstream; in this order, `is_up` is the index
  core::OptionalInstant first_request_at_;  // of the client
  EndpointQueue* queue_ = nullptr;          // these two: null: no policy goes by latency
  Endpoint* measured_ = nullptr;
  core::PathQuality client_path_;
  core::PathQuality upstream_path_;
  uint32_t undelivered_up_ = 0;
  uint32_t undelivered_down_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_TIMELINE_H_
