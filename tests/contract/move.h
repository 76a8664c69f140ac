// Moving the running task to another worker.
#ifndef SLUICE_TESTS_CONTRACT_MOVE_H_
#define SLUICE_TESTS_CONTRACT_MOVE_H_

#include "core/runtime/spawn.h"
#include "core/sched/worker.h"
#include "core/task/task.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/yield.h"

namespace sluice::contract {

// Lets the task that waits at the gate become idle, then wakes it: it runs on this worker next.
inline core::Task<void> OpenHere(core::testing::Gate& gate) {
  co_await core::testing::Yield();
  gate.Open();
}

// Afterwards the task runs on `target`. What it has in flight stays where it is.
inline core::Task<void> MoveTo(core::Worker& target) {
  while (core::Worker::Current() != &target) {
    core::testing::Gate gate;
    core::JoinHandle<void> opener =
        core::SpawnOn(core::RuntimeHandle::Current(), &target, OpenHere(gate));
    co_await gate;
    opener.Detach();
    // It may not have been idle yet when the gate was opened: then once more.
  }
}

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_MOVE_H_
