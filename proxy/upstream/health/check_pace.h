// When an endpoint is checked next.
//
//   start ├─ check ─┤              start ├─ check ─┤              start ├─ check ───────────┤start
//         ├─ pause, up to 5 % off ──────►├─ pause ─────────────────────►├─ pause ───►┆ late ─►│
//
// The pause counts from start to start, and from when a check was due if a busy worker has begun it
// less than a pause later (CountsFrom): so lateness does not add up. A check that takes longer
// delays the next: there is one at a time. The pause is `fast_interval` while the state may soon
// change, `down_interval` while the endpoint is down, else `interval`. The first checks of the
// endpoints that are there at start are spread over `interval`, so that neither the endpoints nor
// this process see them all at once; the variation keeps several proxies from falling into step.
// Pure. Checked by: tests/proxy/upstream/health/check_state_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_PACE_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_PACE_H_

#include <algorithm>
#include <cstdint>

#include "core/base/random.h"
#include "core/base/time.h"
#include "proxy/upstream/health/check_state.h"

namespace sluice::proxy {

// From when the pause after something counts that was due at `due_at` (none: it was not planned),
// and began later.
inline core::Instant CountsFrom(core::OptionalInstant due_at, core::Instant began_at,
                                core::Duration pause) {
  return due_at ? std::clamp(*due_at, began_at - pause, began_at) : began_at;
}

struct CheckPace {
  core::Duration interval;
  core::Duration fast_interval;
  core::Duration down_interval;

  friend bool operator==(const CheckPace&, const CheckPace&) = default;

  core::Duration PauseOf(const CheckState& state) const {
    if (state.is_changing()) return std::min(fast_interval, interval);
    return state.is_up() ? interval : down_interval;
  }

  // Of the endpoint with number `index` of `count`; `seed` differs for each of them.
  core::Instant First(core::Instant now, uint64_t index, uint64_t count, uint64_t seed) const {
    const core::Duration share =
        std::max<core::Duration>(interval / static_cast<int64_t>(count), 1ns);
    return now + share * static_cast<int64_t>(index) + core::Jitter(share, seed);
  }
  // After a check from `started_at` to `ended_at`, which has led to `state`.
  core::Instant Next(core::Instant started_at, core::Instant ended_at, const CheckState& state,
                     uint64_t seed) const {
    const core::Duration pause = PauseOf(state);
    const core::Duration varied = pause - pause / 20 + core::Jitter(pause / 10, seed);
    return std::max(started_at + varied, ended_at);
  }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_PACE_H_
