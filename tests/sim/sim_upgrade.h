// SimUpgrade: a successor that dies, hangs or serves, at a point that the seed decides.
//
//   Offer    STARTING ── HELLO ── SOCKETS ── READY ──► OFFERED        dead or silent from any arrow
//   Commit   COMMIT ── SERVING ──► the listening sockets are its own  on: the server serves on
//
// What must be true: all listening sockets are handed over; only one that is ready is committed to;
// from Commit on the server accepts nothing, unless it fails: then no socket is without an accept
// loop. (Kernel::CheckListeners)
#ifndef SLUICE_TESTS_SIM_SIM_UPGRADE_H_
#define SLUICE_TESTS_SIM_SIM_UPGRADE_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "proxy/server/upgrade.h"
#include "tests/sim/kernel.h"
#include "tests/sim/random.h"

namespace sluice::sim {

class SimUpgrade final : public proxy::Upgrade {
 public:
  explicit SimUpgrade(Kernel& kernel);

  core::Task<absl::StatusOr<std::vector<bool>>> Offer(proxy::Handover handover,
                                                      core::Duration timeout) override;
  core::Task<absl::Status> Commit() override;
  core::Task<void> Withdraw() override;
  pid_t successor() const override { return 1; }

 private:
  enum class Point : uint8_t { kStart, kHello, kSockets, kReady, kCommit, kServing, kLives };

  // It goes on until `point`, unless it is dead or silent by then.
  core::Task<absl::Status> Reach(Point point, core::Duration timeout);

  Kernel& kernel_;
  Random random_;
  Point dies_at_ = Point::kLives;
  bool is_silent_ = false;  // it does not end: it hangs
  bool is_offered_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_SIM_UPGRADE_H_
