#include "proxy/server/draining_endpoints.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/runtime/spawn.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

core::Task<void> RenewSets(EndpointPools pools) {
  for (const core::IntrusivePtr<EndpointPool>& pool : pools) {
    (void)pool->queue().SetOf(core::Worker::Current()->index());
  }
  co_return;
}

}  // namespace

void DrainingEndpoints::Add(const EndpointPools& pools) {
  if (pools.empty()) return;
  const core::Instant now = core::Worker::Current()->clock().Now();
  bool starts = false;
  {
    absl::MutexLock lock(&mutex_);
    for (const core::IntrusivePtr<EndpointPool>& pool : pools) {
      (void)pool->EndLate(now);  // some had no time at all
      if (std::ranges::find(pools_, pool) == pools_.end()) pools_.push_back(pool);
    }
    starts = !pools_.empty() && !std::exchange(runs_, true);
  }
  if (starts) {
    tasks_.Spawn(Run());
  } else {
    added_.One();  // what has been added may be late before what is waited for
  }
  // A worker that serves nothing would keep the set before, and with it what has left.
  for (uint32_t i = 0; i < runtime_.workers(); ++i) {
    core::SpawnOn(runtime_, &runtime_.worker(i), RenewSets(pools)).Detach();
  }
}

core::Task<void> DrainingEndpoints::AddLater(EndpointPools pools) {
  Add(pools);
  co_return;
}

// Of what has been added later than it began to wait it looks at the latest after a second: `Add`
// has ended what had no time at all.
core::Task<void> DrainingEndpoints::Run() {
  for (std::optional<core::Instant> next = Look(); next; next = Look()) {
    const core::Duration pause = *next - core::Worker::Current()->clock().Now();
    auto outcome = co_await core::Select(
        core::Named<"pause">(core::Sleep(std::max<core::Duration>(pause, 1ms))),
        core::Named<"added">(added_.Wait()), core::Named<"stop">(stop_.token().Cancelled()));
    if (outcome.Won<"stop">()) co_return;
  }
}

// A pool whose upstream is removed may have sessions that are being connected: they refer to it.
std::optional<core::Instant> DrainingEndpoints::Look() {
  const core::Instant now = core::Worker::Current()->clock().Now();
  std::optional<core::Instant> next;
  absl::MutexLock lock(&mutex_);
  std::erase_if(pools_, [&](const core::IntrusivePtr<EndpointPool>& pool) {
    const core::Instant at = pool->EndLate(now);
    if (!pool->is_draining() || pool->refs() == 1) return true;
    next = std::min(next.value_or(at), at);
    return false;
  });
  if (!next) runs_ = false;
  return next;
}

uint32_t DrainingEndpoints::SessionsOf(std::string_view upstream, std::string_view endpoint,
                                       const EndpointPool& except) const {
  uint32_t sessions = 0;
  absl::MutexLock lock(&mutex_);
  for (const core::IntrusivePtr<EndpointPool>& pool : pools_) {
    if (pool.get() == &except || pool->upstream() != upstream) continue;
    sessions += pool->SessionsOf(endpoint);
  }
  return sessions;
}

void DrainingEndpoints::EndSessions() {
  absl::MutexLock lock(&mutex_);
  for (const core::IntrusivePtr<EndpointPool>& pool : pools_) pool->EndSessions();
}

core::Task<void> DrainingEndpoints::Stop() {
  stop_.Cancel();
  co_await tasks_.Join();
}

}  // namespace sluice::proxy
