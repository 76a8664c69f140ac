#include "proxy/listener/accept_log.h"

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/session/rejected.h"

namespace sluice::proxy {

namespace {

using core::LogLevel;

std::string ClientOf(int connection) {
  return EscapedName(core::CurrentReactor().PeerAddress(connection).ToString());
}

}  // namespace

void AcceptLog::Rejected(const std::string& listener, Rejection cause, core::LogThrottle& throttle,
                         int connection) {
  if (cause == Rejection::kMemory || cause == Rejection::kBuffers) return;  // Shortage tells
  TellRejected(events_, listener, cause, throttle, core::CurrentReactor().PeerAddress(connection));
}

void AcceptLog::Shortage(const std::string& listener, Rejection cause, WhenExhausted when_exhausted,
                         uint32_t connections_served, int connection) {
  const bool is_memory = cause == Rejection::kMemory;
  if (!is_memory && cause != Rejection::kBuffers) {
    if (when_exhausted == WhenExhausted::kWait) NoteLimit(listener, cause);  // else Rejected tells
    return;
  }
  core::LogThrottle& throttle = is_memory ? memory_throttle_ : buffer_throttle_;
  uint64_t suppressed = 0;
  if (!throttle.Pass(core::Worker::Current()->Now(), suppressed)) return;
  const char* const fate = when_exhausted == WhenExhausted::kWait ? "wait" : "are reset";
  if (is_memory) {
    events_.Tell({EventKind::kLimit}, LogLevel::kWarn,
                 "listener %s: out of memory: new connections %s until there is some again "
                 "(%d more times since the last line); this one is from %s",
                 listener, fate, suppressed, ClientOf(connection));
    return;
  }
  events_.Tell({EventKind::kLimit}, LogLevel::kWarn,
               "listener %s: buffer_memory is used up: it serves %d connections, further ones "
               "%s until one of them ends (%d more times since the last line); this one is from %s",
               listener, connections_served, fate, suppressed, ClientOf(connection));
}

void AcceptLog::NoteLimit(const std::string& listener, Rejection cause) {
  if (cause == Rejection::kNone || cause == Rejection::kSource) return;  // never waits
  uint64_t suppressed = 0;
  core::LogThrottle& throttle = limit_throttles_[static_cast<size_t>(cause)].throttle;
  if (!throttle.Pass(core::Worker::Current()->Now(), suppressed)) return;
  events_.Keep({EventKind::kLimit}, LogLevel::kInfo,
               absl::StrCat("listener ", listener, ": the limit ", std::string(Name(cause)),
                            " is reached (", suppressed, " more times since the last event)"));
}

void AcceptLog::CannotAccept(const std::string& listener, int error, core::Duration longest_pause) {
  uint64_t suppressed = 0;
  if (!accept_throttle_.Pass(core::Worker::Current()->Now(), suppressed)) return;
  events_.Tell(
      {EventKind::kLimit}, LogLevel::kWarn,
      "listener %s: cannot accept: %s; trying again every %d ms (%d more such pauses since "
      "the last line)",
      listener, strerrordesc_np(error), longest_pause / 1ms, suppressed);
}

}  // namespace sluice::proxy
