#include "tests/sim/sim_source.h"

#include "absl/status/status.h"
#include "core/time/sleep.h"

namespace sluice::sim {

SimSource::SimSource(const Scenario& scenario, SnapshotOf snapshot_of)
    : random_(scenario.options.seed, kStream),
      snapshot_of_(std::move(snapshot_of)),
      most_(static_cast<uint64_t>(random_.Between(1, 5))) {}

core::Task<absl::StatusOr<proxy::Snapshot>> SimSource::Next() {
  if (number_ == 0) co_return snapshot_of_(number_++);
  const core::Duration pause = number_ > most_ ? 24h : random_.Skewed(1ms, 5s);
  if (!co_await core::Sleep(pause)) co_return absl::CancelledError();
  if (random_.Chance(300)) co_return absl::UnavailableError("nothing is known");
  co_return snapshot_of_(number_++);
}

}  // namespace sluice::sim
