#include "proxy/session/deadlines.h"

#include "core/base/random.h"

namespace sluice::proxy {
namespace {

using core::Instant;
using core::OptionalInstant;

// The earliest of the deadlines that are yet to come, and the first that has passed.
class Earliest {
 public:
  explicit Earliest(Instant now) : now_(now) {}

  void LookAt(Instant at) {
    if (!next_.at || at < *next_.at) next_.at = at;
  }
  void Check(Instant deadline, EndCause cause) {
    if (now_ < deadline) {
      LookAt(deadline);
    } else if (!next_.passed) {
      next_.passed = cause;
    }
  }
  NextDeadline Answer() const {
    return next_.passed ? NextDeadline{.passed = next_.passed} : next_;
  }

 private:
  const Instant now_;
  NextDeadline next_;
};

}  // namespace

OptionalInstant ExpiryOf(const SessionTimeouts& limits, Instant started_at, uint64_t seed) {
  if (limits.max_lifetime == 0s) return std::nullopt;
  const Instant full = started_at + limits.max_lifetime;
  if (limits.max_lifetime_jitter == 0s) return full;
  return full - core::Jitter(limits.max_lifetime_jitter, seed);
}

NextDeadline CheckDeadlines(const SessionTimeouts& limits, const SessionTimes& times, Instant now) {
  Earliest earliest(now);
  if (times.expires_at) earliest.Check(*times.expires_at, EndCause::kMaxLifetime);
  if (!times.connected) return earliest.Answer();
  if (times.may_progress && limits.look_every != 0s) earliest.LookAt(now + limits.look_every);
  if (limits.write_stall != 0s) {
    for (const FlowTimes& flow : {times.up, times.down}) {
      if (!flow.sending) continue;
      earliest.Check(flow.last_byte_at + limits.write_stall, EndCause::kWriteStall);
    }
  }
  const Instant last_byte_at = std::max(times.up.last_byte_at, times.down.last_byte_at);
  if (times.half_closed_at && limits.half_close != 0s) {
    // Of the direction that goes on, and of what was sent before the end of the other.
    const Instant since = std::max(*times.half_closed_at, last_byte_at);
    earliest.LookAt(now + QuarterOf(limits.half_close));
    earliest.Check(since + limits.half_close, EndCause::kHalfCloseTimeout);
  }
  if (limits.idle != 0s) earliest.Check(last_byte_at + limits.idle, EndCause::kIdleTimeout);
  return earliest.Answer();
}

}  // namespace sluice::proxy
