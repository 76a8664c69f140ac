#include "proxy/upstream/health_monitors.h"

#include <algorithm>
#include <utility>

#include "core/base/time.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/upstream/health/agent.h"
#include "proxy/upstream/health/check.h"

namespace sluice::proxy {
namespace {

using core::Instant;

// Several that are due at about the same time are looked for once.
constexpr core::Duration kShortestPause = 1ms;
// A look at one of many endpoints takes up to a tenth of it.
constexpr core::Duration kPauseOfEach = 1us;
constexpr core::Duration kLongestPause = 1h;

Instant Now() { return core::Worker::Current()->clock().Now(); }

// Between looks, each of which walks over all endpoints: where these are many the end of one check
// follows the other, and a look at each end would leave nothing of a worker.
core::Duration PauseOf(Upstream& upstream) {
  const auto endpoints = static_cast<int64_t>(upstream.queue().ShareSet()->size());
  return std::max<core::Duration>(kShortestPause, endpoints * kPauseOfEach);
}

// It would be a connection of this process to itself, and to its endpoints in turn.
bool LeadsBack(const Endpoint& endpoint, const ProbePlan& plan) {
  if (plan.is_elsewhere() || endpoint.own_listener() == OwnListener::kNo) return false;
  return endpoint.own_listener() == OwnListener::kYes ||
         core::CurrentReactor().IsLocal(endpoint.address());
}

}  // namespace

void HealthMonitors::Follow(std::span<const core::IntrusivePtr<Upstream>> upstreams) {
  std::vector<Watched> watched;
  for (const core::IntrusivePtr<Upstream>& upstream : upstreams) {
    if (!upstream->has_health()) continue;
    const auto same = std::ranges::find(watched_, upstream, &Watched::upstream);
    if (same != watched_.end()) {
      watched.push_back(std::move(*same));
      watched_.erase(same);
      continue;
    }
    watched.push_back({upstream, std::make_shared<core::CancellationSource>()});
    tasks_.Spawn(Watch(upstream, watched.back().stop), nullptr, {"health of an upstream"});
  }
  watched_.swap(watched);
  for (const Watched& each : watched) each.stop->Cancel();
}

core::Task<void> HealthMonitors::Stop() {
  for (const Watched& each : watched_) each.stop->Cancel();
  watched_.clear();
  co_await tasks_.Join();
}

core::Task<void> HealthMonitors::Watch(core::IntrusivePtr<Upstream> upstream, StopSource stop) {
  UpstreamHealth& health = upstream->pool()->health();
  while (!stop->cancelled()) {
    auto change = health.changed().Wait();  // before it looks
    UpstreamHealth::Due due = health.TakeDue(Now(), events_);
    for (EndpointRef& each : due.endpoints) {
      tasks_.Spawn(Check(upstream, stop, std::move(each)), &NextWorker(), {"health check"});
    }
    for (EndpointRef& each : due.agents) {
      tasks_.Spawn(Ask(upstream, stop, std::move(each)), &NextWorker(), {"agent check"});
    }
    if (due.reweighs) co_await Reweigh(upstream);
    (void)co_await core::Select(core::Named<"pause">(core::Sleep(PauseOf(*upstream))),
                                core::Named<"stop">(stop->token().Cancelled()));
    const core::Duration left = std::min<core::Duration>(due.next_at - Now(), kLongestPause);
    if (left <= 0s) continue;
    (void)co_await core::Select(core::Named<"change">(change),
                                core::Named<"due">(core::Sleep(left)),
                                core::Named<"stop">(stop->token().Cancelled()));
  }
}

// What is due meanwhile waits: so no more than one set is made at a time for an upstream.
core::Task<void> HealthMonitors::Reweigh(core::IntrusivePtr<Upstream> upstream) {
  if (acts_.elsewhere) {
    const auto work = [reweigh = acts_.reweigh, upstream] { reweigh(*upstream); };
    const absl::Status done = co_await acts_.elsewhere(work);
    if (done.ok()) co_return;
  }
  acts_.reweigh(*upstream);
}

core::Task<void> HealthMonitors::Check(core::IntrusivePtr<Upstream> upstream, StopSource stop,
                                       EndpointRef endpoint) {
  bool is_reported = false;
  (void)co_await core::Select(core::Named<"check">(CheckInTurn(*upstream, *endpoint, is_reported)),
                              core::Named<"stop">(stop->token().Cancelled()));
  if (!is_reported) upstream->pool()->health().NotChecked(*endpoint, Now());
}

core::Task<void> HealthMonitors::CheckInTurn(Upstream& upstream, Endpoint& endpoint,
                                             bool& is_reported) {
  using Is = CheckResult::Is;
  UpstreamHealth& health = upstream.pool()->health();
  const CheckPlan& plan = *upstream.check();
  auto turn = co_await turns_.Acquire();
  if (!turn.ok()) co_return;
  const Instant started_at = Now();
  CheckResult result{Is::kFailed, "it is a listener of this proxy and leads back to this upstream"};
  if (!LeadsBack(endpoint, plan.probe)) result = co_await RunCheck(plan, endpoint.address());
  if (result.is == Is::kNotMade) co_return;
  is_reported = true;
  const bool resets =
      health.Checked(endpoint, result.is == Is::kPassed, result.answer, started_at, Now(), events_);
  if (resets) acts_.reset_sessions(upstream, EndpointRef(&endpoint));
}

core::Task<void> HealthMonitors::Ask(core::IntrusivePtr<Upstream> upstream, StopSource stop,
                                     EndpointRef endpoint) {
  bool is_reported = false;
  (void)co_await core::Select(core::Named<"answer">(AskInTurn(*upstream, *endpoint, is_reported)),
                              core::Named<"stop">(stop->token().Cancelled()));
  if (!is_reported) upstream->pool()->health().AgentNotAsked(*endpoint, Now());
}

core::Task<void> HealthMonitors::AskInTurn(Upstream& upstream, Endpoint& endpoint,
                                           bool& is_reported) {
  using Is = AgentAnswer::Is;
  UpstreamHealth& health = upstream.pool()->health();
  auto turn = co_await turns_.Acquire();
  if (!turn.ok()) co_return;
  const Instant asked_at = Now();
  const AgentAnswer answer = co_await AskAgent(*upstream.agent(), endpoint.address());
  if (answer.is == Is::kNotAsked) co_return;
  is_reported = true;
  if (answer.is == Is::kSaid) {
    health.AgentSaid(endpoint, answer.text, asked_at, Now(), events_);
  } else {
    health.AgentNotReached(endpoint, answer.text, asked_at, Now(), events_);
  }
}

core::Worker& HealthMonitors::NextWorker() {
  const uint32_t next = next_worker_.fetch_add(1, std::memory_order_relaxed);
  return runtime_.worker(next % runtime_.workers());
}

}  // namespace sluice::proxy
