// Outlier: what sessions have met at one endpoint, and whether it is to be spared for a while.
//
//               `failures` in a row, and it may be ejected
//   IN ──────────────────────────────────────────────────────────► EJECTED for `ejection` × n,
//    ▲                                                             at most `max_ejection`
//    └──────────────────────── that time is over ──────────────────┘
//
//   failed    the connect failed, or timed out, or the endpoint reset the connection before the
//             first byte of an answer
//   taken     a connect that succeeded: ends a row of connects that failed
//   answered  a session that got a byte of the endpoint: ends every row
//
// So one that takes connections and resets them is found, though it takes them. What a session says
// of an endpoint that is ejected (it began before, or in a panic) does not count.
// n is the number of ejections: it grows by one with each, and falls by one for every `ejection` of
// time in which the endpoint was in and nothing failed. The time is up to 10 % shorter by chance:
// endpoints that were ejected together do not return together.
//
// Counted apart from active checks (check_state.h), which know nothing of it.
// Pure. Checked by: tests/proxy/upstream/health/outlier_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_OUTLIER_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_OUTLIER_H_

#include <algorithm>
#include <cstdint>

#include "core/base/random.h"
#include "core/base/time.h"

namespace sluice::proxy {

struct OutlierRule {
  uint32_t failures;  // at least 1
  core::Duration ejection;
  core::Duration max_ejection;
  uint32_t max_ejected;  // percent of the endpoints of an upstream

  // Of `endpoints` so many may be ejected at a time: at least one.
  uint64_t MostOf(uint64_t endpoints) const {
    return std::max<uint64_t>(endpoints * max_ejected / 100, 1);
  }
};

class Outlier {
 public:
  enum class Failure : uint8_t { kConnect, kReset };

  bool is_ejected() const { return ejected_until_.has_value(); }
  core::OptionalInstant ejected_until() const { return ejected_until_; }
  // In a row, up to now.
  uint32_t failures() const { return connects_ + resets_; }
  uint32_t ejections() const { return ejections_; }

  // Returns true if it is to be ejected, if it may be.
  bool OnFailure(Failure failure, const OutlierRule& rule, core::Instant now) {
    if (is_ejected()) return false;
    Forgive(rule, now);
    quiet_since_ = now;
    ++(failure == Failure::kConnect ? connects_ : resets_);
    return failures() >= rule.failures;
  }
  void OnTaken() { connects_ = 0; }
  void OnAnswered() { connects_ = resets_ = 0; }

  // Returns for how long.
  core::Duration Eject(const OutlierRule& rule, core::Instant now, uint64_t seed) {
    ++ejections_;
    const bool is_most = rule.ejection >= rule.max_ejection / ejections_;
    const core::Duration most = is_most ? rule.max_ejection : rule.ejection * ejections_;
    const core::Duration varied = most - core::Jitter(most / 10, seed);
    ejected_until_ = now + varied;
    return varied;
  }
  // Returns true if its time is over: it is in again.
  bool Return(core::Instant now) {
    if (!is_ejected() || now < *ejected_until_) return false;
    quiet_since_ = *ejected_until_;
    ejected_until_.reset();
    OnAnswered();
    return true;
  }

 private:
  void Forgive(const OutlierRule& rule, core::Instant now) {
    if (ejections_ == 0) return;
    const int64_t quiet = std::max<int64_t>((now - quiet_since_) / rule.ejection, 0);
    ejections_ -= static_cast<uint32_t>(std::min<int64_t>(quiet, ejections_));
  }

  uint32_t connects_ = 0;
  uint32_t resets_ = 0;
  uint32_t ejections_ = 0;
  core::Instant quiet_since_;
  core::OptionalInstant ejected_until_;
};

// Fewer than `percent` of the endpoints that are to take sessions are usable; 0: never.
constexpr bool IsPanic(uint64_t usable, uint64_t endpoints, uint32_t percent) {
  return usable * 100 < endpoints * percent;
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_OUTLIER_H_
