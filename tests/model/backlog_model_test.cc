// A backlog at a worker that computes wakes one that sleeps, the real code of Worker: no order of
// what they do leaves it there while another sleeps for ever.
#include "tests/model/backlog_model.h"

namespace sluice::model {
namespace {

// Too many executions to see all: some of them, and of the smallest those without preemptions.
constexpr uint64_t kSamples = 2'000;

TEST(Backlog, OneTooMany) {
  ExpectHolds(Backlog(kUnseen, kBacklog - kUnseen), {.preemptions = 0});
  ExpectHolds(Backlog(kUnseen, kBacklog - kUnseen), {.samples = kSamples});
}
TEST(Backlog, AndMore) {
  ExpectHolds(Backlog(kUnseen, kBacklog - kUnseen + 3), {.samples = kSamples});
}
TEST(Backlog, WhileAnotherIsWatched) { ExpectHolds(NextBacklog(), {.samples = kSamples}); }
TEST(Backlog, TheOneThatWatchesHasOtherWork) {
  ExpectHolds(WatcherIsBusy(), {.samples = kSamples});
}

}  // namespace
}  // namespace sluice::model
