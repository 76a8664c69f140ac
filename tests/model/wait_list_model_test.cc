// WaitList, the real code.
#include "tests/model/wait_list_model.h"

namespace sluice::model {
namespace {

TEST(WaitListModel, TwoTakeOne) { ExpectHolds(TwoTake(1)); }
TEST(WaitListModel, TwoTakeTwo) { ExpectHolds(TwoTake(2), {.preemptions = 3}); }
TEST(WaitListModel, OneGivesUp) { ExpectHolds(GivesUp); }
TEST(WaitListModel, NoneOvertakes) { ExpectHolds(NoneOvertakes); }
TEST(WaitListModel, AllAtOnce) { ExpectHolds(AllAtOnce); }

}  // namespace
}  // namespace sluice::model
