// Semaphore, the real code, and with memory orders that are too weak.
#include "tests/model/semaphore_model.h"

namespace sluice::model {
namespace {

TEST(SemaphoreModel, OneAtATime) { ExpectHolds(OneAtATime); }
TEST(SemaphoreModel, TwoForOne) { ExpectHolds(TwoForOne); }
TEST(SemaphoreModel, TheOnlyWaiterGivesUp) { ExpectHolds(GivesUp(1, false)); }
TEST(SemaphoreModel, ALargeRequestGivesUp) { ExpectHolds(GivesUp(2, false)); }
TEST(SemaphoreModel, ALargeRequestGivesUpBeforeASmallOne) { ExpectHolds(GivesUp(2, true)); }
TEST(SemaphoreModel, GivesUpWhileTwoCome) { ExpectHolds(GivesUpWhileTwoCome); }
TEST(SemaphoreModel, NoneOvertakes) { ExpectHolds(NoneOvertakes); }
TEST(SemaphoreModel, Closed) { ExpectHolds(Closed); }

TEST(SemaphoreOrders, Take) { ExpectCaught(OneAtATime, {"::TryTake(", Action::kCompareExchange}); }
TEST(SemaphoreOrders, Release) {
  ExpectCaught(OneAtATime, {"::Release(", Action::kCompareExchange});
}
TEST(SemaphoreOrders, SettingWaiting) {
  ExpectCaught(TwoForOne, {"::Queue(", Action::kCompareExchange});
}
TEST(SemaphoreOrders, ServeWhatIsLeft) {
  ExpectCaught(GivesUp(2, false), {"::Serve(", Action::kStore});
}
TEST(SemaphoreOrders, Close) { ExpectCaught(Closed, {"::Close(", Action::kUpdate}); }
TEST(SemaphoreOrders, SeeingTheEnd) { ExpectCaught(Closed, {"::closed(", Action::kLoad}); }

}  // namespace
}  // namespace sluice::model
