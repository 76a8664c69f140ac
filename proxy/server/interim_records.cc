#include "proxy/server/interim_records.h"

#include <algorithm>
#include <utility>

#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kShortestStep = 50ms;
constexpr core::Duration kLongestStep = 10s;

}  // namespace

core::Task<void> InterimRecords::Follow(core::Duration every) {
  if (every == every_) co_return;
  if (running_) {
    stop_->Cancel();
    (void)co_await *std::move(running_);
    running_.reset();
  }
  every_ = every;
  if (every == 0s) co_return;
  stop_ = std::make_unique<core::CancellationSource>();
  running_.emplace(core::SpawnOn(runtime_, nullptr, Run(every, stop_->token())));
}

// The calls on sockets are for any thread, whichever worker's reactor they are asked of.
core::Task<void> InterimRecords::Run(core::Duration every, core::CancellationToken stop) {
  const core::Duration step = std::clamp<core::Duration>(every / 10, kShortestStep, kLongestStep);
  core::SocketApi& sockets = runtime_.worker(0).reactor();
  core::Instant since = core::Worker::Current()->clock().Now();
  for (;;) {
    auto outcome = co_await core::Select(core::Named<"step">(core::Sleep(step)),
                                         core::Named<"stop">(stop.Cancelled()));
    if (outcome.Won<"stop">()) co_return;
    const core::Instant now = core::Worker::Current()->clock().Now();
    const SessionEntry::Interim interim{
        .sockets = sockets, .since = since, .now = now, .every = every};
    const absl::Status walked =
        co_await elsewhere_([this, interim] { registry_.WriteInterims(interim); });
    if (walked.ok()) since = now;  // else those that are due now are in the next walk
  }
}

}  // namespace sluice::proxy
