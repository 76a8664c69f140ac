// Notify, the real code, and with memory orders that are too weak.
#include "tests/model/notify_model.h"

namespace sluice::model {
namespace {

TEST(NotifyModel, WokenOnce) { ExpectHolds(WokenOnce); }
TEST(NotifyModel, NoJobIsLeft) { ExpectHolds(NoJobIsLeft); }
TEST(NotifyModel, KeptBesideAll) { ExpectHolds(KeptBesideAll); }
TEST(NotifyModel, PassesOn) { ExpectHolds(PassesOn); }
TEST(NotifyModel, AllIsNotMissed) { ExpectHolds(AllIsNotMissed); }

TEST(NotifyOrders, One) { ExpectCaught(WokenOnce, {"::One(", Action::kCompareExchange}); }
TEST(NotifyOrders, TakeKept) { ExpectCaught(WokenOnce, {"::TakeKept(", Action::kCompareExchange}); }
TEST(NotifyOrders, PassOn) { ExpectCaught(PassesOn, {"::WakeOneOrKeep(", Action::kUpdate}); }
TEST(NotifyOrders, All) { ExpectCaught(AllIsNotMissed, {"::All(", Action::kUpdate}); }
TEST(NotifyOrders, SeeingAll) { ExpectCaught(AllIsNotMissed, {"::TakeKept(", Action::kFence}); }
TEST(NotifyOrders, Wait) { ExpectCaught(AllIsNotMissed, {"::Awaiter(", Action::kLoad}); }

}  // namespace
}  // namespace sluice::model
