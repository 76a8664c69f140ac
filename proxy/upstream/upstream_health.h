// UpstreamHealth: what checks and sessions have found out about the endpoints of one upstream, and
// what follows from it: which of them are kept from new sessions for now.
//
//   checks ──── Checked ───────────► CheckState ── down, not checked yet ─┐
//   (health_monitors.h)              (health/check_state.h)               ▼
//                                                          Endpoint::out ── EndpointQueue::SetOut
//   sessions ── OnFailure, ────────► Outlier ── ejected ──────────────────▲
//               OnTaken, OnAnswered  (health/outlier.h)
//
// It belongs to the endpoints under all configurations of the upstream: a reload that leaves an
// endpoint leaves what is known of it. SetRules says what holds from now on; what no rule asks
// about any more is forgotten, so that nothing stays out for ever. The endpoints of an upstream's
// beginning are usable until a check says otherwise, also where a reload makes the upstream; one
// that joins it later is not before it has passed its first check.
//
// Every transition is logged once, with its cause and the last answer, and so is the way back.
// Threads: any; a lock is held for moments. A session that meets no failure takes none, unless the
// endpoint has a failure to be forgiven.
// Checked by: tests/proxy/upstream/upstream_health_test.cc, tests/e2e/test_health.py.
#ifndef SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_
#define SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/sync/notify.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_queue.h"
#include "proxy/upstream/health/check_pace.h"
#include "proxy/upstream/health/check_state.h"
#include "proxy/upstream/health/outlier.h"

namespace sluice::proxy {

// Endpoints that join an upstream: at once, or when they have passed a check.
enum class Joiners : bool { kUsable, kUnchecked };

struct CheckRules {
  CheckRule rule;
  CheckPace pace;
};

struct HealthRules {
  std::optional<CheckRules> check;     // none: there are no checks
  std::optional<OutlierRule> passive;  // none: what sessions meet says nothing
  PanicRule panic;
};

// What is known of one endpoint. All but `has_failed` is guarded by the lock of UpstreamHealth.
struct EndpointHealth {
  explicit EndpointHealth(Joiners joins)
      : check(joins == Joiners::kUnchecked ? CheckState::OfJoiner() : CheckState::AtStart()) {}

  uint8_t out() const {
    return static_cast<uint8_t>((check.is_up() ? 0 : Endpoint::kFailedCheck) |
                                (outlier.is_ejected() ? Endpoint::kEjected : 0));
  }

  core::Atomic<bool> has_failed{false};  // there is a row that a success would end
  CheckState check;
  Outlier outlier;
  core::OptionalInstant next_check_at;  // none: it is to be scheduled
  bool is_being_checked = false;
};

class UpstreamHealth {
 public:
  // `queue` has the endpoints, and outlives it.
  UpstreamHealth(std::string upstream, EndpointQueue& queue)
      : upstream_(std::move(upstream)), queue_(queue) {}
  UpstreamHealth(const UpstreamHealth&) = delete;
  UpstreamHealth& operator=(const UpstreamHealth&) = delete;

  void SetRules(const HealthRules& rules);

  // What sessions meet. `what`: of the failure, for the log.
  void OnFailure(Endpoint& endpoint, Outlier::Failure failure, std::string_view what,
                 core::Instant now, core::Logger& logger);
  void OnTaken(Endpoint& endpoint) {
    if (HasFailed(endpoint)) Forgive(endpoint, &Outlier::OnTaken);
  }
  void OnAnswered(Endpoint& endpoint) {
    if (HasFailed(endpoint)) Forgive(endpoint, &Outlier::OnAnswered);
  }

  // Ends the ejections whose time is over. Returns the endpoints to be checked now, for each of
  // which Checked or NotChecked is to be called, and when to look again.
  struct Due {
    std::vector<EndpointRef> endpoints;
    core::Instant next_at = core::Instant::Max();
  };
  Due TakeDue(core::Instant now, core::Logger& logger);
  // `answer`: what came of the check, for the log.
  void Checked(Endpoint& endpoint, bool passed, std::string_view answer, core::Instant started_at,
               core::Instant ended_at, core::Logger& logger);
  // The check was not made, for a reason that is not the endpoint's.
  void NotChecked(Endpoint& endpoint, core::Instant now);

  // TakeDue may have something else to say than it said.
  core::Notify& changed() { return changed_; }

 private:
  static bool HasFailed(const Endpoint& endpoint) {
    return endpoint.health() != nullptr &&
           endpoint.health()->has_failed.load(std::memory_order_relaxed);
  }
  void Forgive(Endpoint& endpoint, void (Outlier::*forgive)());
  bool MayEject() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleFirst(const EndpointSet& set, size_t index, core::Instant now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NotePanic(core::Logger& logger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Chance(core::Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string upstream_;
  EndpointQueue& queue_;
  core::Notify changed_;
  absl::Mutex mutex_;
  HealthRules rules_ ABSL_GUARDED_BY(mutex_);
  bool was_in_panic_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t chances_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_
