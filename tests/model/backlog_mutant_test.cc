// A backlog at a worker that computes, with planted mistakes: each has to be found.
#include "tests/model/backlog_model.h"
#include "tests/model/planted.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake, const Model& model) {
  planted = mistake;
  ExpectFails(model, {.preemptions = 0});
  planted = "";
}
Model Plain() { return Backlog(kUnseen, kBacklog - kUnseen); }

TEST(BacklogMutant, None) { ExpectHolds(Plain(), {.preemptions = 0}); }
TEST(BacklogMutant, WakesNone) { ExpectPlantedFails("a backlog wakes none", Plain()); }
TEST(BacklogMutant, WakesForOneMore) { ExpectPlantedFails("a backlog is one more", Plain()); }
TEST(BacklogMutant, WakesBeforeItPushes) {
  ExpectPlantedFails("a backlog wakes before it is pushed", Plain());
}
TEST(BacklogMutant, TheOneThatMakesItABacklogHasNoFence) {
  ExpectPlantedFails("a look without a fence for each", Plain());
}
TEST(BacklogMutant, NoneWatchesIt) { ExpectPlantedFails("none watches a backlog", Plain()); }
TEST(BacklogMutant, AWatchIsPassedOnWithoutAFence) {
  ExpectPlantedFails("a watch is passed on without a fence", WatcherIsBusy());
}
}  // namespace
}  // namespace sluice::model
