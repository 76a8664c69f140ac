// How workers share new tasks and find out that they are to stop, with planted mistakes: each has
// to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/worker_model.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake) {
  model::ExpectPlantedFails(mistake, SpawnedByABusyTask(), {.preemptions = 2});
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
  model::ExpectPlantedFails("a share is not new", InjectedSideBySide(), {.preemptions = 0});
}
TEST(WorkerStealMutant, ASearcherKeepsWhatItTook) {
  model::ExpectPlantedFails("a searcher keeps what it took", InjectedSideBySide(),
                            {.preemptions = 0});
}

TEST(WorkerMutant, AWorkerDoesNotAskAgainWhetherItIsToStop) {
  model::ExpectPlantedFails("does not ask again whether it is to stop", EndingAtOnce(),
                            {.preemptions = 2});
}

// The third may find both that came before it gone.
TEST(WorkerStealMutant, NoFenceBehindOthers) {
  model::ExpectPlantedFails("no fence behind others", SpawnedByABusyTask(3), {.preemptions = 1});
}

}  // namespace
}  // namespace sluice::model
