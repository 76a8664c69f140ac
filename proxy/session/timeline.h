// Timeline: when a session did what, and with which endpoint. Only a log asks for it, so that a
// session has one only if there is an access log or the debug level is on.
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
  // Null if no log of `context` asks for one. `client`: the session's descriptor.
  static std::unique_ptr<Timeline> IfAsked(const SessionContext& context, int client);

  explicit Timeline(const core::Address& client) : client_(client) {}

  void NoteConnect(const Connected& connected);
  void NoteRelay(core::Instant now) { connected_at_ = now; }
  // The upstream has sent something.
  void NoteFirstByte(core::Instant now) {
    if (!first_byte_at_) first_byte_at_ = now;
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
  void WriteRecord(const SessionContext& context, const SessionOutcome& outcome) const;
  void WriteDebugLine(const SessionContext& context, const SessionOutcome& outcome) const;

  core::Address client_;
  int attempts_ = 0;                      // endpoints tried
  EndpointRef endpoint_;                  // the last one tried
  std::optional<core::Duration> queued_;  // these three: none: it did not happen
  core::OptionalInstant connected_at_;
  core::OptionalInstant first_byte_at_;
  core::PathQuality client_path_;
  core::PathQuality upstream_path_;
  uint32_t undelivered_up_ = 0;
  uint32_t undelivered_down_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_TIMELINE_H_
