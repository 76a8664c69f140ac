#include "proxy/server/watchdog.h"

#include <algorithm>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/runtime/spawn_local.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {

void Watchdog::Start(core::Duration patience) {
  running_.emplace(
      core::SpawnOn(runtime_, nullptr, Run(std::max(patience / 3, core::Duration(1ms)))));
}

core::Task<void> Watchdog::Stop() {
  if (!running_) co_return;
  stop_.Cancel();
  (void)co_await *std::move(running_);
  running_.reset();
}

core::Task<void> Watchdog::Run(core::Duration rest) {
  while (!stop_.cancelled()) {
    auto turned = co_await core::Select(core::Named<"all">(TurnAll()),
                                        core::Named<"stop">(stop_.token().Cancelled()));
    if (turned.Won<"stop">()) co_return;
    alive_();
    (void)co_await core::Select(core::Named<"rest">(core::Sleep(rest)),
                                core::Named<"stop">(stop_.token().Cancelled()));
  }
}

// The handles of those that are late go with the wait: their tasks run on their own, and hold
// nothing.
core::Task<void> Watchdog::TurnAll() {
  std::vector<core::JoinHandle<void>> turns;
  for (uint32_t i = 0; i < runtime_.workers(); ++i) {
    turns.push_back(runtime_.SpawnPinned(i, []() -> core::Task<void> { co_return; }));
  }
  for (core::JoinHandle<void>& each : turns) {
    if (!co_await each.Ended()) co_return;
  }
}

}  // namespace sluice::proxy
