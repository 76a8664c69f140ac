#include "proxy/upstream/upstream_health.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/base/random.h"

namespace sluice::proxy {
namespace {

using core::Instant;
using core::LogLevel;

// After one that could not be made.
constexpr core::Duration kPauseAfterNone = 100ms;

double Seconds(core::Duration time) { return std::chrono::duration<double>(time).count(); }

bool IsToServe(const EndpointMember& member) {
  return member.weight > 0 && member.state == AdminState::kReady &&
         (member.endpoint->out() & Endpoint::kAgentUnused) == 0;
}

}  // namespace

// Another one in each process, and in each run the same where the clock is.
uint64_t UpstreamHealth::Chance(Instant now) {
  return core::Mix(static_cast<uint64_t>(now.since_origin().count())) + ++chances_;
}

bool UpstreamHealth::SetRules(const HealthRules& rules) {
  const std::shared_ptr<const EndpointSet> set = queue_.ShareSet();
  bool has_other_shares = false;
  {
    absl::MutexLock lock(&mutex_);
    const bool keeps_pace = rules_.check && rules.check && rules_.check->pace == rules.check->pace;
    const bool keeps_agents =
        rules_.agent && rules.agent && rules_.agent->interval == rules.agent->interval;
    rules_ = rules;
    for (const EndpointMember& member : set->members()) {
      EndpointHealth* const health = member.endpoint->health();
      if (health == nullptr) continue;
      if (!keeps_pace) health->next_check_at.reset();
      if (!keeps_agents) health->next_question_at.reset();
      if (!rules.agent && ForgetAgent(*health)) has_other_shares = true;
      if (!rules.check) health->check = CheckState::AtStart();
      if (!rules.passive) {
        health->outlier = Outlier();
        health->has_failed.store(false, std::memory_order_relaxed);
      }
      if (health->out() != member.endpoint->out()) queue_.SetOut(*member.endpoint, health->out());
    }
    queue_.SetPanic(rules.panic);
    if (has_other_shares) shares_published_ = ++share_version_;
  }
  changed_.All();
  return has_other_shares;
}

void UpstreamHealth::Forgive(Endpoint& endpoint, void (Outlier::*forgive)()) {
  absl::MutexLock lock(&mutex_);
  EndpointHealth& health = *endpoint.health();
  (health.outlier.*forgive)();
  health.has_failed.store(health.outlier.failures() > 0, std::memory_order_relaxed);
}

// One that has left gets no session, and where the upstream has been removed none does: what is
// said of it would never be taken back. It walks over all of them: only for a transition.
bool UpstreamHealth::IsMember(const Endpoint& endpoint) const {
  if (queue_.is_closed()) return false;
  const std::shared_ptr<const EndpointSet> set = queue_.ShareSet();
  return std::ranges::any_of(set->members(), [&endpoint](const EndpointMember& member) {
    return member.endpoint == &endpoint;
  });
}

bool UpstreamHealth::MayEject(const Endpoint& endpoint) const {
  if (!IsMember(endpoint)) return false;
  const std::shared_ptr<const EndpointSet> set = queue_.ShareSet();
  uint64_t to_serve = 0;
  uint64_t ejected = 0;
  for (const EndpointMember& member : set->members()) {
    if (!IsToServe(member)) continue;
    ++to_serve;
    if (member.endpoint->health()->outlier.is_ejected()) ++ejected;
  }
  return ejected < rules_.passive->MostOf(to_serve);
}

void UpstreamHealth::OnFailure(Endpoint& endpoint, Outlier::Failure failure, std::string_view what,
                               Instant now, Events& events) {
  EndpointHealth* const health = endpoint.health();
  if (health == nullptr) return;
  {
    absl::MutexLock lock(&mutex_);
    if (!rules_.passive) return;
    const OutlierRule& rule = *rules_.passive;
    const bool is_outlier = health->outlier.OnFailure(failure, rule, now);
    health->has_failed.store(health->outlier.failures() > 0, std::memory_order_relaxed);
    if (!is_outlier || !MayEject(endpoint)) return;
    const uint32_t failures = health->outlier.failures();
    const core::Duration time = health->outlier.Eject(rule, now, Chance(now));
    events.Tell(
        {EventKind::kEjection, upstream_, endpoint.name()}, LogLevel::kWarn,
        "upstream %s: endpoint %s is ejected for %.3g s: %d failures in a row, the last: %s",
        upstream_, endpoint.name(), Seconds(time), failures, what);
    queue_.SetOut(endpoint, health->out());
    NotePanic(events);
  }
  changed_.All();
}

void UpstreamHealth::NotePanic(Events& events) {
  const bool is_in_panic = queue_.is_in_panic();
  if (std::exchange(was_in_panic_, is_in_panic) == is_in_panic) return;
  if (is_in_panic) {
    events.Tell({EventKind::kPanic, upstream_}, LogLevel::kWarn,
                "upstream %s: panic: fewer than %d %% of the endpoints are usable: %s", upstream_,
                rules_.panic.percent,
                rules_.panic.ignores_checks ? "all of them are used"
                                            : "those that are ejected are used again");
  } else {
    events.Tell({EventKind::kPanic, upstream_}, LogLevel::kInfo, "upstream %s: the panic is over",
                upstream_);
  }
}

// One that joins is checked at once.
void UpstreamHealth::ScheduleFirst(const EndpointSet& set, size_t index, Instant now) {
  EndpointHealth& health = *set.endpoint(index).health();
  if (health.next_check_at) return;
  health.next_check_at =
      health.check.is_new() ? now : rules_.check->pace.First(now, index, set.size(), Chance(now));
}

UpstreamHealth::Due UpstreamHealth::TakeDue(Instant now, Events& events) {
  const std::shared_ptr<const EndpointSet> set = queue_.ShareSet();
  Due due;
  absl::MutexLock lock(&mutex_);
  ++looks_;
  for (size_t i = 0; i < set->size(); ++i) {
    Endpoint& endpoint = set->endpoint(i);
    EndpointHealth& health = *endpoint.health();
    if (health.outlier.Return(now)) {
      events.Tell({EventKind::kEjection, upstream_, endpoint.name()}, LogLevel::kInfo,
                  "upstream %s: endpoint %s: its ejection is over, it may have sessions again",
                  upstream_, endpoint.name());
      queue_.SetOut(endpoint, health.out());
    }
    if (const auto until = health.outlier.ejected_until()) {
      due.next_at = std::min(due.next_at, *until);
    }
    TakeDueAgent(*set, i, now, due);
    if (!rules_.check || health.is_being_checked) continue;
    ScheduleFirst(*set, i, now);
    if (*health.next_check_at <= now) {
      health.is_being_checked = true;
      due.endpoints.emplace_back(&endpoint);
    } else {
      due.next_at = std::min(due.next_at, *health.next_check_at);
    }
  }
  TakeDueShares(now, due);
  NotePanic(events);
  return due;
}

bool UpstreamHealth::Checked(Endpoint& endpoint, bool passed, std::string_view answer,
                             Instant started_at, Instant ended_at, Events& events) {
  EndpointHealth& health = *endpoint.health();
  bool resets = false;
  {
    absl::MutexLock lock(&mutex_);
    health.is_being_checked = false;
    if (!rules_.check) return false;
    const CheckRules& rules = *rules_.check;
    const bool was_new = health.check.is_new();
    if (health.check.On(passed, rules.rule) && IsMember(endpoint)) {
      const uint32_t row = passed ? rules.rule.rise : rules.rule.fall;
      const char* const verb = passed ? "passed" : "failed";
      const std::string why = was_new ? absl::StrFormat("its first check %s: %s", verb, answer)
                                      : absl::StrFormat("%d check%s in a row %s, the last: %s", row,
                                                        row == 1 ? "" : "s", verb, answer);
      events.Tell({EventKind::kHealth, upstream_, endpoint.name()},
                  passed ? LogLevel::kInfo : LogLevel::kWarn, "upstream %s: endpoint %s is %s: %s",
                  upstream_, endpoint.name(), passed ? "up" : "down", why);
      queue_.SetOut(endpoint, health.out());
      NotePanic(events);
      resets = !passed && rules.resets_sessions;
    }
    const Instant from =
        CountsFrom(health.next_check_at, started_at, rules.pace.PauseOf(health.check));
    health.next_check_at = rules.pace.Next(from, ended_at, health.check, Chance(ended_at));
  }
  changed_.All();
  return resets;
}

void UpstreamHealth::NotChecked(Endpoint& endpoint, Instant now) {
  {
    absl::MutexLock lock(&mutex_);
    endpoint.health()->is_being_checked = false;
    endpoint.health()->next_check_at = now + kPauseAfterNone;
  }
  changed_.All();
}

}  // namespace sluice::proxy
