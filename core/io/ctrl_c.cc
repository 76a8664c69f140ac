#include "core/io/ctrl_c.h"

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"

namespace sluice::core {
namespace {

enum class Owner : uint8_t { kNobody, kRunMain, kProgram, kProgramKept };

struct State {
  absl::Mutex mutex;
  Owner owner ABSL_GUARDED_BY(mutex) = Owner::kNobody;
  WaitList<CtrlC> waiting ABSL_GUARDED_BY(mutex){mutex};
};

State& TheState() {
  static State& state = *new State();
  return state;
}

}  // namespace

bool CtrlC::Queue() {
  State& state = TheState();
  {
    absl::MutexLock lock(&state.mutex);
    SLUICE_CHECK_USE(state.owner != Owner::kNobody,
                     "CtrlC() is for a program that RunMain runs: elsewhere make a "
                     "SignalStream({SIGINT}) in main");
    if (std::exchange(state.owner, Owner::kProgram) != Owner::kProgramKept) {
      state.waiting.Push(*this);
      return true;
    }
    came_ = true;
  }
  return GoOn();
}

CtrlCSource::CtrlCSource() {
  State& state = TheState();
  absl::MutexLock lock(&state.mutex);
  SLUICE_CHECK_USE(state.owner == Owner::kNobody, "there is one RunMain at a time");
  state.owner = Owner::kRunMain;
}

CtrlCSource::~CtrlCSource() {
  State& state = TheState();
  absl::MutexLock lock(&state.mutex);
  state.owner = Owner::kNobody;
}

bool CtrlCSource::Tell() {
  State& state = TheState();
  Woken woken;
  absl::MutexLock lock(&state.mutex);
  if (state.owner == Owner::kRunMain || state.owner == Owner::kProgramKept) return false;
  if (state.waiting.empty()) state.owner = Owner::kProgramKept;
  while (!state.waiting.empty()) {
    CtrlC& next = *state.waiting.Pop();
    next.came_ = true;
    woken.Add(next);
  }
  return true;
}

}  // namespace sluice::core
