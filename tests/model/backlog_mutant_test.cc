// A backlog at a worker that computes, with planted mistakes: each has to be found.
#include "tests/model/backlog_model.h"
#include "tests/model/expect_planted.h"

namespace sluice::model {
namespace {

void ExpectFound(const char* mistake, const Model& model) {
  ExpectPlantedFails(mistake, model, {.preemptions = 0});
}
Model Plain() { return Backlog(kUnseen, kBacklog - kUnseen); }

TEST(BacklogMutant, None) { ExpectHolds(Plain(), {.preemptions = 0}); }
TEST(BacklogMutant, WakesNone) { ExpectFound("a backlog wakes none", Plain()); }
TEST(BacklogMutant, WakesForOneMore) { ExpectFound("a backlog is one more", Plain()); }
TEST(BacklogMutant, WakesBeforeItPushes) {
  ExpectFound("a backlog wakes before it is pushed", Plain());
}
TEST(BacklogMutant, TheOneThatMakesItABacklogHasNoFence) {
  ExpectFound("a look without a fence for each", Plain());
}
TEST(BacklogMutant, NoneWatchesIt) { ExpectFound("none watches a backlog", Plain()); }
TEST(BacklogMutant, AWatchIsPassedOnWithoutAFence) {
  ExpectFound("a watch is passed on without a fence", WatcherIsBusy());
}
}  // namespace
}  // namespace sluice::model
