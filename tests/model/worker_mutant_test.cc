// How workers share new tasks and find out that they are to stop, with planted mistakes: each has
// to be found.
#include "tests/model/planted.h"
#include "tests/model/worker_model.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake) {
  planted = mistake;
  ExpectFails(SpawnedByABusyTask(), {.preemptions = 2});
  planted = "";
}

TEST(WorkerStealMutant, None) { ExpectHolds(SpawnedByABusyTask(), {.preemptions = 1}); }
TEST(WorkerStealMutant, NewTasksWakeNone) { ExpectPlantedFails("new tasks wake none"); }
TEST(WorkerStealMutant, WakesBeforeItPushes) { ExpectPlantedFails("wakes before it pushes"); }
TEST(WorkerStealMutant, ASecondTaskIsOneThatWaitsAlone) {
  ExpectPlantedFails("a second task is one that waits alone");
}
TEST(WorkerStealMutant, ASleeperOverlooksNewTasks) {
  ExpectPlantedFails("a sleeper overlooks new tasks");
}
TEST(WorkerStealMutant, ASearchOverlooksNewTasks) {
  ExpectPlantedFails("a search overlooks new tasks");
}

TEST(WorkerStealMutant, AShareIsNotNew) {
  planted = "a share is not new";
  ExpectFails(InjectedSideBySide(), {.preemptions = 0});
  planted = "";
}
TEST(WorkerStealMutant, ASearcherKeepsWhatItTook) {
  planted = "a searcher keeps what it took";
  ExpectFails(InjectedSideBySide(), {.preemptions = 0});
  planted = "";
}

TEST(WorkerMutant, AWorkerDoesNotAskAgainWhetherItIsToStop) {
  planted = "does not ask again whether it is to stop";
  ExpectFails(EndingAtOnce(), {.preemptions = 2});
  planted = "";
}

// The third may find both that came before it gone.
TEST(WorkerStealMutant, NoFenceBehindOthers) {
  planted = "no fence behind others";
  ExpectFails(SpawnedByABusyTask(3), {.preemptions = 1});
  planted = "";
}

}  // namespace
}  // namespace sluice::model
