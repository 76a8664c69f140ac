// UpstreamHealth: what checks and sessions have found out about the endpoints of one upstream, and
// what follows from it: which of them are kept from new sessions for now.
//
//   checks ──── Checked ───────────► CheckState ── down, not checked yet ─┐
//   (health_monitors.h)              (health/check_state.h)               ▼
//                                                          Endpoint::out ── EndpointQueue::SetOut
//   sessions ── OnFailure, ────────► Outlier ── ejected ──────────────────▲▲
//               OnTaken, OnAnswered  (health/outlier.h)                   │
//   agents ──── AgentSaid ─────────► AgentState ── down, out of use ──────┘
//   (health_monitors.h)              (health/agent_state.h)
//                                      └── weights, limits ──► ApplyAgents, to the next set
//
// It belongs to the endpoints under all configurations of the upstream: a reload that leaves an
// endpoint leaves what is known of it. SetRules says what holds from now on; what no rule asks
// about any more is forgotten, so that nothing stays out for ever. The endpoints of an upstream's
// beginning are usable until a check says otherwise, also where a reload makes the upstream; one
// that joins it later is not before it has passed its first check.
//
// Every transition is an event, told once, with its cause and the last answer; so is the way back.
// What has left the upstream has none: its sessions may go on, and fail, while another endpoint has
// its name.
// Threads: any; a lock is held for moments. A session that meets no failure takes none, unless the
// endpoint has a failure to be forgiven.
// Checked by: tests/proxy/upstream/upstream_health_test.cc, tests/e2e/test_health.py.
#ifndef SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_
#define SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/sync/notify.h"
#include "proxy/observe/events.h"
#include "proxy/upstream/administrative.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_queue.h"
#include "proxy/upstream/health/agent_state.h"
#include "proxy/upstream/health/check_pace.h"
#include "proxy/upstream/health/check_state.h"
#include "proxy/upstream/health/outlier.h"

namespace sluice::proxy {

// Endpoints that join an upstream: at once, or when they have passed a check.
enum class Joiners : bool { kUsable, kUnchecked };

struct CheckRules {
  CheckRule rule;
  CheckPace pace;
  bool resets_sessions = false;  // of an endpoint that goes down
};

struct AgentRules {
  core::Duration interval;  // from start to start
};

struct HealthRules {
  std::optional<CheckRules> check;     // none: there are no checks
  std::optional<OutlierRule> passive;  // none: what sessions meet says nothing
  std::optional<AgentRules> agent;     // none: there are no agents
  PanicRule panic;
};

// What is known of one endpoint. All but `has_failed` is guarded by the lock of UpstreamHealth.
struct EndpointHealth {
  explicit EndpointHealth(Joiners joins)
      : check(joins == Joiners::kUnchecked ? CheckState::OfJoiner() : CheckState::AtStart()) {}

  uint8_t out() const {
    return static_cast<uint8_t>((check.is_up() ? 0 : Endpoint::kFailedCheck) |
                                (outlier.is_ejected() ? Endpoint::kEjected : 0) |
                                (agent.is_down() ? Endpoint::kAgentDown : 0) |
                                (agent.is_unused() ? Endpoint::kAgentUnused : 0));
  }

  core::Atomic<bool> has_failed{false};  // there is a row that a success would end
  CheckState check;
  Outlier outlier;
  core::OptionalInstant next_check_at;  // none: it is to be scheduled
  bool is_being_checked = false;
  AgentState agent;
  core::OptionalInstant next_question_at;  // to the agent; none: it is to be scheduled
  bool is_being_asked = false;
  std::string agent_trouble;  // what is wrong with the agent or its words; told once
};

class UpstreamHealth {
 public:
  // `queue` has the endpoints, and outlives it.
  UpstreamHealth(std::string upstream, EndpointQueue& queue)
      : upstream_(std::move(upstream)), queue_(queue) {}
  UpstreamHealth(const UpstreamHealth&) = delete;
  UpstreamHealth& operator=(const UpstreamHealth&) = delete;

  // Returns true if the next set has other weights or limits than the current one (ApplyAgents).
  bool SetRules(const HealthRules& rules);

  // What sessions meet. `what`: of the failure, for the log.
  void OnFailure(Endpoint& endpoint, Outlier::Failure failure, std::string_view what,
                 core::Instant now, Events& events);
  void OnTaken(Endpoint& endpoint) {
    if (HasFailed(endpoint)) Forgive(endpoint, &Outlier::OnTaken);
  }
  void OnAnswered(Endpoint& endpoint) {
    if (HasFailed(endpoint)) Forgive(endpoint, &Outlier::OnAnswered);
  }

  // Ends the ejections whose time is over. Returns the endpoints to be checked now, for each of
  // which Checked or NotChecked is to be called, those whose agents are to be asked (AgentSaid,
  // AgentNotReached, AgentNotAsked), whether another set is to be published because of what agents
  // have said, and when to look again.
  struct Due {
    std::vector<EndpointRef> endpoints;
    std::vector<EndpointRef> agents;
    bool reweighs = false;
    core::Instant next_at = core::Instant::Max();
  };
  Due TakeDue(core::Instant now, Events& events);
  // How often TakeDue has looked, which takes as long as there are endpoints.
  uint64_t looks() const {
    absl::MutexLock lock(&mutex_);
    return looks_;
  }
  // `answer`: what came of the check, for the log. Returns true if the sessions of the endpoint are
  // to be reset.
  [[nodiscard]] bool Checked(Endpoint& endpoint, bool passed, std::string_view answer,
                             core::Instant started_at, core::Instant ended_at, Events& events);
  // The check was not made, for a reason that is not the endpoint's.
  void NotChecked(Endpoint& endpoint, core::Instant now);

  // `line`: of the agent, which was asked at `asked_at`.
  void AgentSaid(Endpoint& endpoint, std::string_view line, core::Instant asked_at,
                 core::Instant now, Events& events);
  void AgentNotReached(Endpoint& endpoint, std::string_view why, core::Instant asked_at,
                       core::Instant now, Events& events);
  // It was not asked, for a reason that is not its own.
  void AgentNotAsked(Endpoint& endpoint, core::Instant now);

  // `endpoint` takes the place of `before`, and is in no set yet: what the agent has said holds on.
  void InheritAgent(const Endpoint& before, Endpoint& endpoint);

  // The weights and limits of `members`, which are `given` in the same order, as their agents want
  // them.
  void ApplyAgents(std::span<const GivenEndpoint> given, std::vector<EndpointMember>& members);
  // Changes whenever ApplyAgents may do something else.
  uint64_t share_version() const {
    absl::MutexLock lock(&mutex_);
    return share_version_;
  }

  // TakeDue may have something else to say than it said.
  core::Notify& changed() { return changed_; }

 private:
  static bool HasFailed(const Endpoint& endpoint) {
    return endpoint.health() != nullptr &&
           endpoint.health()->has_failed.load(std::memory_order_relaxed);
  }
  void Forgive(Endpoint& endpoint, void (Outlier::*forgive)());
  bool IsMember(const Endpoint& endpoint) const;
  bool MayEject(const Endpoint& endpoint) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleFirst(const EndpointSet& set, size_t index, core::Instant now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeDueAgent(const EndpointSet& set, size_t index, core::Instant now, Due& due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeDueShares(core::Instant now, Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AgentAnswered(EndpointHealth& health, core::Instant asked_at, core::Instant now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellAgentTrouble(const Endpoint& endpoint, std::string trouble, Events& events)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns true if it forgets a weight or a limit.
  bool ForgetAgent(EndpointHealth& health) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NotePanic(Events& events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Chance(core::Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string upstream_;
  EndpointQueue& queue_;
  core::Notify changed_;
  mutable absl::Mutex mutex_;
  HealthRules rules_ ABSL_GUARDED_BY(mutex_);
  bool was_in_panic_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t chances_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t looks_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t share_version_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t shares_published_ ABSL_GUARDED_BY(mutex_) = 0;
  core::Instant next_shares_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_UPSTREAM_HEALTH_H_
