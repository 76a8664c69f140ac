// What agents say of endpoints, and what follows from it.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "proxy/upstream/health/agent_words.h"
#include "proxy/upstream/upstream_health.h"

namespace sluice::proxy {
namespace {

using core::Instant;
using core::LogLevel;

// After a question that could not be asked.
constexpr core::Duration kPauseAfterNone = 100ms;
// Other weights make another set, and a policy may have much to derive from one.
constexpr core::Duration kBetweenSets = 100ms;
constexpr size_t kMostShown = 200;

// As the log shows what an agent has said.
std::string Shown(std::string_view text) {
  const bool is_cut = text.size() > kMostShown;
  return absl::StrCat("\"", absl::CHexEscape({text.data(), std::min(text.size(), kMostShown)}),
                      is_cut ? "...\"" : "\"");
}

}  // namespace

bool UpstreamHealth::ForgetAgent(EndpointHealth& health) {
  health.agent_trouble.clear();
  return std::exchange(health.agent, AgentState()).has_share();
}

// Spread like the first checks.
void UpstreamHealth::TakeDueAgent(const EndpointSet& set, size_t index, Instant now, Due& due) {
  EndpointHealth& health = *set.endpoint(index).health();
  if (!rules_.agent || health.is_being_asked) return;
  if (!health.next_question_at) {
    const core::Duration share = rules_.agent->interval / static_cast<int64_t>(set.size());
    health.next_question_at = now + share * static_cast<int64_t>(index);
  }
  if (*health.next_question_at > now) {
    due.next_at = std::min(due.next_at, *health.next_question_at);
    return;
  }
  health.is_being_asked = true;
  due.agents.emplace_back(&set.endpoint(index));
}

void UpstreamHealth::TakeDueShares(Instant now, Due& due) {
  if (shares_published_ == share_version_) return;
  if (now < next_shares_at_) {
    due.next_at = std::min(due.next_at, next_shares_at_);
    return;
  }
  due.reweighs = true;
  shares_published_ = share_version_;
  next_shares_at_ = now + kBetweenSets;
}

void UpstreamHealth::AgentAnswered(EndpointHealth& health, Instant asked_at, Instant now) {
  health.is_being_asked = false;
  if (!rules_.agent) return;
  const core::Duration pause = rules_.agent->interval;
  const core::Duration varied = pause - pause / 20 + core::Jitter(pause / 10, Chance(now));
  const Instant from = CountsFrom(health.next_question_at, asked_at, pause);
  health.next_question_at = std::max(from + varied, now);
}

// Once, until it is another one; and once that it is over.
void UpstreamHealth::TellAgentTrouble(const Endpoint& endpoint, std::string trouble,
                                      Events& events) {
  std::string& known = endpoint.health()->agent_trouble;
  if (known == trouble || !IsMember(endpoint)) return;
  if (trouble.empty()) {
    events.Tell({.kind = EventKind::kHealth, .upstream = upstream_, .endpoint = endpoint.name()},
                LogLevel::kInfo, "upstream %s: endpoint %s: its agent is understood again",
                upstream_, endpoint.name());
  } else {
    events.Tell({.kind = EventKind::kHealth, .upstream = upstream_, .endpoint = endpoint.name()},
                LogLevel::kWarn, "upstream %s: endpoint %s: %s", upstream_, endpoint.name(),
                trouble);
  }
  known = std::move(trouble);
}

void UpstreamHealth::AgentSaid(Endpoint& endpoint, std::string_view line, Instant asked_at,
                               Instant now, Events& events) {
  EndpointHealth& health = *endpoint.health();
  {
    absl::MutexLock lock(&mutex_);
    AgentAnswered(health, asked_at, now);
    if (!rules_.agent) return;
    const AgentReport report = ReadAgentWords(line);
    TellAgentTrouble(
        endpoint,
        report.unknown.empty()
            ? ""
            : absl::StrCat("its agent says what is no word of an agent: ", Shown(report.unknown)),
        events);
    const bool had_weight = health.agent.Hundredths(1, false) > 0;
    const AgentState::Change change = health.agent.On(report);
    const bool has_weight = health.agent.Hundredths(1, false) > 0;
    const bool has_changed = change.is_down || change.is_unused || change.share;
    if (has_changed && !IsMember(endpoint)) return;
    const bool is_out = health.agent.is_down() || health.agent.is_unused();
    const LogLevel level = is_out ? LogLevel::kWarn : LogLevel::kInfo;
    if (change.is_down) {
      events.Tell({.kind = EventKind::kHealth, .upstream = upstream_, .endpoint = endpoint.name()},
                  level, "upstream %s: endpoint %s is %s for its agent, which says %s", upstream_,
                  endpoint.name(), health.agent.is_down() ? "down" : "up", Shown(line));
    }
    if (change.is_unused) {
      events.Tell({.kind = EventKind::kHealth, .upstream = upstream_, .endpoint = endpoint.name()},
                  level, "upstream %s: endpoint %s is %s for its agent, which says %s", upstream_,
                  endpoint.name(), health.agent.is_unused() ? "out of use" : "in use", Shown(line));
    }
    if (change.share) {
      ++share_version_;
      events.Tell(
          {.kind = EventKind::kHealth, .upstream = upstream_, .endpoint = endpoint.name()},
          has_weight == had_weight ? LogLevel::kDebug : LogLevel::kInfo,
          "upstream %s: endpoint %s has another weight or limit for its agent, which says %s",
          upstream_, endpoint.name(), Shown(line));
    }
    if (change.is_down || change.is_unused) {
      queue_.SetOut(endpoint, health.out());
      NotePanic(events);
    }
  }
  changed_.All();
}

void UpstreamHealth::AgentNotReached(Endpoint& endpoint, std::string_view why, Instant asked_at,
                                     Instant now, Events& events) {
  {
    absl::MutexLock lock(&mutex_);
    AgentAnswered(*endpoint.health(), asked_at, now);
    if (!rules_.agent) return;
    TellAgentTrouble(
        endpoint,
        absl::StrCat("its agent is not reached, which changes nothing: ", std::string(why)),
        events);
  }
  changed_.All();
}

void UpstreamHealth::AgentNotAsked(Endpoint& endpoint, Instant now) {
  {
    absl::MutexLock lock(&mutex_);
    endpoint.health()->is_being_asked = false;
    endpoint.health()->next_question_at = now + kPauseAfterNone;
  }
  changed_.All();
}

void UpstreamHealth::InheritAgent(const Endpoint& before, Endpoint& endpoint) {
  absl::MutexLock lock(&mutex_);
  EndpointHealth& health = *endpoint.health();
  health.agent = before.health()->agent;
  health.agent_trouble = before.health()->agent_trouble;
  endpoint.set_health(health, health.out());
}

// Where a percentage is said, all weights are in hundredths, as small as they may be: else one of
// 75 % of a weight of 1 could not be told from one of all of it.
void UpstreamHealth::ApplyAgents(std::span<const GivenEndpoint> given,
                                 std::vector<EndpointMember>& members) {
  absl::MutexLock lock(&mutex_);
  const auto agent_of = [&members](size_t i) -> const AgentState& {
    return members[i].endpoint->health()->agent;
  };
  bool has_percent = false;
  for (size_t i = 0; i < members.size(); ++i) {
    const AgentState& agent = agent_of(i);
    if (!agent.has_share()) continue;
    has_percent = has_percent || agent.has_percent();
    members[i].max_connections = agent.MaxConnections(members[i].max_connections);
    const uint32_t hundredths = agent.Hundredths(members[i].weight, given[i].has_weight_by_hand);
    if (!agent.has_percent()) members[i].weight = hundredths / 100;
    members[i].shown_weight = (hundredths + 99) / 100;
  }
  if (!has_percent) return;
  uint32_t divisor = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].weight =
        agent_of(i).Hundredths(given[i].endpoint.weight, given[i].has_weight_by_hand);
    divisor = std::gcd(divisor, members[i].weight);
  }
  for (EndpointMember& member : members) member.weight /= std::max(divisor, 1u);
}

}  // namespace sluice::proxy
