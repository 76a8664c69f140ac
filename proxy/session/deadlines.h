// Deadlines: which timeout of a session has passed, and when to look again. Pure: times and limits
// go in, the answer comes out; there is no clock and no timer here.
//
// Timeouts (idle, half_close, write_stall) are times without progress. A peer makes progress when
// it sends, when the kernel accepts bytes for it, and when it takes some that the kernel holds. The
// last is looked at when the timer fires, which it does at quarters of the timeout while the kernel
// holds anything: so an end comes between 1 and 1.25 times the timeout after the last progress.
//
//   bytes accepted ──► looking, every quarter ── the kernel holds nothing ──► one timer, at the
//                          │        ▲                                          earliest deadline
//                          └────────┘ something was taken: that is progress
//
// Checked by: tests/proxy/session/deadlines_test.cc.
#ifndef SLUICE_PROXY_SESSION_DEADLINES_H_
#define SLUICE_PROXY_SESSION_DEADLINES_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "proxy/observe/end_reason.h"

namespace sluice::proxy {

// 0: none.
struct SessionTimeouts {
  core::Duration connect{0};
  core::Duration idle{0};
  core::Duration half_close{0};
  core::Duration write_stall{0};
  core::Duration max_lifetime{0};
  core::Duration max_lifetime_jitter{0};  // a session may end earlier by up to this
  core::Duration linger{0};
  core::Duration look_every{0};  // while a peer has yet to take something; of idle and write_stall
};

// How often to look for progress that a timeout waits for.
constexpr core::Duration QuarterOf(core::Duration timeout) {
  return std::max<core::Duration>(1ms, timeout / 4);
}

// When max_lifetime of a session that began at `started_at` is over; none: it is not limited.
// Sessions that begin together end together unless their seeds differ.
core::OptionalInstant ExpiryOf(const SessionTimeouts& limits, core::Instant started_at,
                               uint64_t seed);

// One direction of a session.
struct FlowTimes {
  core::Instant last_byte_at = {};  // progress was last made; in the future: it waits for bandwidth
  bool sending = false;             // its receiver has to take something
};

// What has happened in a session so far.
struct SessionTimes {
  core::OptionalInstant expires_at = {};
  bool connected = false;                     // only then do the others count
  bool may_progress = false;                  // a peer has yet to take something: look again soon
  core::OptionalInstant half_closed_at = {};  // none: both directions are open
  FlowTimes up;
  FlowTimes down;
};

struct NextDeadline {
  core::OptionalInstant at = {};  // when to look again; nothing to wait for once one has passed
  std::optional<EndCause> passed = {};  // the deadline that has: the session ends
};

NextDeadline CheckDeadlines(const SessionTimeouts& limits, const SessionTimes& times,
                            core::Instant now);

// Whether the receiver of a flow has made progress within write_stall.
constexpr bool Moves(const SessionTimeouts& limits, core::Instant last_byte_at, core::Instant now) {
  return now < last_byte_at + limits.write_stall;
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_DEADLINES_H_
