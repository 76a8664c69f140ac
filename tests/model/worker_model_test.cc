// The scheduler, the real code of Worker, Shared, IdleSet, InjectQueue and WakeFlag: what is handed
// in from outside runs once, whatever the workers are doing (no lost wake-up, not all asleep with
// work queued), and all workers stop when they are told to, at once or with the last task.
#include "tests/model/worker_model.h"

namespace sluice::model {
namespace {

TEST(Worker, OneWorkerOneTask) { ExpectHolds(Injecting(1, 1)); }
TEST(Worker, OneWorkerStops) { ExpectHolds(Stopping(1)); }
TEST(Worker, TwoWorkersStop) { ExpectHolds(Stopping(2)); }

TEST(Worker, OneWorkerStopsWhenDone) { ExpectHolds(StoppingWhenDone(1, true)); }

// Too many executions to see all: those with few preemptions, and some of the others.
constexpr uint64_t kSamples = 50'000;
TEST(Worker, OneWorkerTwoTasks) {
  ExpectHolds(Injecting(1, 2), {.preemptions = 4});
  ExpectHolds(Injecting(1, 2), {.samples = kSamples});
}
TEST(Worker, TwoWorkersOneTask) {
  ExpectHolds(Injecting(2, 1), {.preemptions = 3});
  ExpectHolds(Injecting(2, 1), {.samples = kSamples});
}
TEST(Worker, TwoWorkersTwoTasks) {
  ExpectHolds(Injecting(2, 2), {.preemptions = 2});
  ExpectHolds(Injecting(2, 2), {.samples = kSamples});
}

TEST(Worker, TwoWorkersStopWhenDone) {
  ExpectHolds(StoppingWhenDone(2, true), {.preemptions = 2});
  ExpectHolds(StoppingWhenDone(2, true), {.samples = kSamples});
}

TEST(Worker, TheLastTwoEndAtOnce) {
  ExpectHolds(EndingAtOnce(), {.preemptions = 2});
  ExpectHolds(EndingAtOnce(), {.samples = kSamples / 5});
}

TEST(Worker, Mailbox) { ExpectHolds(HandingToOne(1)); }
TEST(Worker, MailboxOfOneOfTwo) {
  ExpectHolds(HandingToOne(2), {.preemptions = 3});
  ExpectHolds(HandingToOne(2), {.samples = kSamples});
}

TEST(Worker, ABusyTasksChildrenBeginElsewhere) {
  ExpectHolds(SpawnedByABusyTask(), {.preemptions = 2});
  ExpectHolds(SpawnedByABusyTask(), {.samples = kSamples / 3});
}

// The third may be pushed when the two before it have been seen.
TEST(Worker, ThreeChildrenOfABusyTaskBeginElsewhere) {
  ExpectHolds(SpawnedByABusyTask(3), {.preemptions = 1});
  ExpectHolds(SpawnedByABusyTask(3), {.samples = kSamples / 3});
}

TEST(Worker, TwoFromOutsideBeginSideBySide) {
  ExpectHolds(InjectedSideBySide(), {.preemptions = 1});
  ExpectHolds(InjectedSideBySide(), {.samples = kSamples / 3});
}

// The mailbox is looked at without its lock: the wake-up is what makes the task visible.
TEST(WorkerMutant, MailboxWithoutTheWakeUpsRelease) {
  ExpectCaught(HandingToOne(1),
               {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(WorkerMutant, StoppedWithoutTheWakeUpsRelease) {
  ExpectCaught(Stopping(1), {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(WorkerMutant, DoneAndTheOthersNotWoken) {
  ExpectFails(StoppingWhenDone(2, false), {.preemptions = 2});
}
TEST(WorkerMutant, TheLastTwoEndAndOneIsCountedWithoutRelease) {
  ExpectCaught(EndingAtOnce(), {"NoteTaskEnd(", Action::kStore}, {.preemptions = 2});
}
TEST(WorkerMutant, NotifyWithoutFence) {
  ExpectCaught(Injecting(1, 1), {"PickToWake(", Action::kFence});
}
TEST(WorkerMutant, SamplesFindItToo) {
  ExpectCaught(Injecting(2, 1), {"PickToWake(", Action::kFence}, {.samples = kSamples});
}
TEST(WorkerMutant, ParkWithoutFence) {
  ExpectCaught(Injecting(1, 1), {"BeginPark(", Action::kFence});
}
TEST(WorkerMutant, NewTasksNotifyWithoutFence) {
  ExpectCaught(SpawnedByABusyTask(), {"PickToWake(", Action::kFence}, {.preemptions = 2});
}
TEST(WorkerMutant, NewTasksParkWithoutFence) {
  ExpectCaught(SpawnedByABusyTask(), {"BeginPark(", Action::kFence}, {.preemptions = 2});
}

}  // namespace
}  // namespace sluice::model
