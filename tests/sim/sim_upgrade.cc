#include "tests/sim/sim_upgrade.h"

#include "core/time/sleep.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kStreamUpgrades = 18;

}  // namespace

SimUpgrade::SimUpgrade(Kernel& kernel)
    : kernel_(kernel), random_(kernel.scenario().options.seed, kStreamUpgrades) {}

core::Task<absl::Status> SimUpgrade::Reach(Point point, core::Duration timeout) {
  const bool dies = dies_at_ <= point;
  const core::Duration step = dies && is_silent_ ? timeout : random_.Skewed(0s, 300ms);
  if (!co_await core::Sleep(step)) co_return absl::CancelledError();
  if (!dies) co_return absl::OkStatus();
  kernel_.trace().Add("the successor %s at point %d", is_silent_ ? "hangs" : "dies",
                      static_cast<int>(point));
  co_return absl::UnavailableError(" has ended");
}

core::Task<absl::StatusOr<std::vector<bool>>> SimUpgrade::Offer(proxy::Handover handover,
                                                                core::Duration timeout) {
  is_offered_ = false;
  dies_at_ = static_cast<Point>(random_.Below(static_cast<uint64_t>(Point::kLives) + 2));
  is_silent_ = random_.Chance(200);
  kernel_.CheckHandover(handover.descriptors);
  for (const Point point : {Point::kStart, Point::kHello, Point::kSockets, Point::kReady}) {
    const absl::Status reached = co_await Reach(point, timeout);
    if (!reached.ok()) co_return reached;
  }
  is_offered_ = true;
  co_return std::vector<bool>(handover.sockets.size(), true);
}

core::Task<absl::Status> SimUpgrade::Commit() {
  if (!is_offered_) kernel_.trace().Fail("one that is not ready is to serve");
  is_offered_ = false;
  kernel_.BeginCommit();
  absl::Status status = co_await Reach(Point::kCommit, 5s);
  if (status.ok()) status = co_await Reach(Point::kServing, 5s);
  kernel_.EndCommit(status.ok());
  co_return status;
}

core::Task<void> SimUpgrade::Withdraw() {
  is_offered_ = false;
  co_return;
}

}  // namespace sluice::sim
