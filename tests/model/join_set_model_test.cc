// JoinSet, the real code with real coroutines: each outcome is brought once, a wait that is cut
// short loses none, and what is left of a set goes with the last of its tasks.
#include "tests/model/join_set_model.h"

namespace sluice::model {
namespace {

TEST(JoinSet, BringsEachOutcome) { ExpectHolds(SetIsTaken, {.preemptions = 3}); }
TEST(JoinSet, AWaitThatIsCutShort) { ExpectHolds(SetIsLookedAt); }
TEST(JoinSet, GoesWhileItsTasksEnd) { ExpectHolds(SetGoes, {.preemptions = 3}); }

}  // namespace
}  // namespace sluice::model
