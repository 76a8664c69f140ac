// Find the bug: a task that is not awaited, and a handle that is dropped.
//
//     bazel run //core/examples/find_the_bug:forgotten_handle -- before
//
// A Task is lazy: kept in a variable and never awaited, it has done nothing at all, and that in
// silence (the compiler warns where the result of the call is thrown away, not where it is named).
// A task that was spawned runs, but what ends the program does not wait for one whose handle has
// gone: it is cancelled in the middle.
// What shows it: lines that are missing in the log; the last writes of a run that are not there. In
// the list of the tasks there is one that nothing waits for, and none that announces.
#include <cstdio>
#include <utility>

#include "core/examples/find_the_bug/before_after.h"
#include "core/examples/find_the_bug/print_tasks.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

core::Task<void> Announce() {
  std::puts("announced");
  co_return;
}

core::Task<void> Save() {
  std::puts("saved: the first half");
  if (!co_await core::Sleep(100ms)) {
    std::puts("cancelled: the second half is not saved");
    co_return;
  }
  std::puts("saved: the second half");
}

core::Task<int> Before() {
  [[maybe_unused]] auto announcement = Announce();  // is made, and goes: nothing was announced
  core::Spawn(Save(), {"save"}).Detach();           // runs on by itself, until the program ends
  co_await core::Yield();
  PrintTasks(core::RuntimeHandle::Current());
  std::puts("done");
  co_return 0;
}

core::Task<int> After() {
  co_await Announce();
  core::JoinHandle<void> saved =
      core::Spawn(Save(), {"save"});  // several: a JoinSet or a TaskTracker
  co_await core::Yield();
  if (!(co_await std::move(saved)).has_value()) std::puts("saving has failed");
  std::puts("done");
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) { return RunBeforeOrAfter(argc, argv, &Before, &After); }
