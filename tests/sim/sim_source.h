// SimSource: where the upstream's endpoints come from when they are discovered (Fault::kDiscover):
// the plans come one after the other, with errors in between, at times that the seed decides.
#ifndef SLUICE_TESTS_SIM_SIM_SOURCE_H_
#define SLUICE_TESTS_SIM_SIM_SOURCE_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "core/base/time.h"
#include "proxy/upstream/discovery/source.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"

namespace sluice::sim {

class SimSource final : public proxy::EndpointSource {
 public:
  // `number`: 0 is what there is at the start, then further ones.
  using SnapshotOf = std::function<proxy::Snapshot(uint64_t number)>;

  SimSource(const Scenario& scenario, SnapshotOf snapshot_of);

  core::Task<absl::StatusOr<proxy::Snapshot>> Next() override;

 private:
  static constexpr uint64_t kStream = 20;

  Random random_;
  const SnapshotOf snapshot_of_;
  uint64_t most_;  // so many come
  uint64_t number_ = 0;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_SIM_SOURCE_H_
