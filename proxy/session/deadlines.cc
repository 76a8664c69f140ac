#include "proxy/session/deadlines.h"

#include "core/base/random.h"

namespace sluice::proxy {
namespace {

using core::Nanos;

// The earliest of the deadlines that are yet to come, and the first that has passed.
class Earliest {
 public:
  explicit Earliest(Nanos now) : now_(now) {}

  void LookAt(Nanos at) { next_.at = std::min(next_.at, at); }
  void Check(Nanos deadline, EndCause cause) {
    if (now_ < deadline) {
      LookAt(deadline);
    } else if (!next_.passed) {
      next_.passed = cause;
    }
  }
  NextDeadline Answer() const { return next_.passed ? NextDeadline{kNever, next_.passed} : next_; }

 private:
  const Nanos now_;
  NextDeadline next_;
};

}  // namespace

Nanos ExpiryOf(const SessionTimeouts& limits, Nanos started_at, uint64_t seed) {
  if (limits.max_lifetime == 0) return kNever;
  const Nanos full = started_at + limits.max_lifetime;
  if (limits.max_lifetime_jitter == 0) return full;
  return full - core::Jitter(core::Duration(limits.max_lifetime_jitter), seed).count();
}

NextDeadline CheckDeadlines(const SessionTimeouts& limits, const SessionTimes& times, Nanos now) {
  Earliest earliest(now);
  earliest.Check(times.expires_at, EndCause::kMaxLifetime);
  if (!times.connected) return earliest.Answer();
  if (times.may_progress && limits.look_every != 0) earliest.LookAt(now + limits.look_every);
  if (limits.write_stall != 0) {
    for (const FlowTimes& flow : {times.up, times.down}) {
      if (!flow.sending) continue;
      earliest.Check(flow.last_byte_at + limits.write_stall, EndCause::kWriteStall);
    }
  }
  const Nanos last_byte_at = std::max(times.up.last_byte_at, times.down.last_byte_at);
  if (times.half_closed_at != 0 && limits.half_close != 0) {
    // Of the direction that goes on, and of what was sent before the end of the other.
    const Nanos since = std::max(times.half_closed_at, last_byte_at);
    earliest.LookAt(now + QuarterOf(limits.half_close));
    earliest.Check(since + limits.half_close, EndCause::kHalfCloseTimeout);
  }
  if (limits.idle != 0) earliest.Check(last_byte_at + limits.idle, EndCause::kIdleTimeout);
  return earliest.Answer();
}

}  // namespace sluice::proxy
