// What the server waits for while it serves: signals, changes of the files, and what other threads
// ask for (server_control.h).
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

using core::LogLevel;

// Serves until a signal asks for an end.
core::Task<bool> Server::WaitForStop() {
  for (;;) {
    core::IoResult<int> signal = co_await NextChange();
    if (signal.ok() && *signal == SIGHUP) signal = co_await Reload();
    if (signal.ok() && *signal == SIGUSR2) signal = co_await UpgradeBinary();
    if (!signal.ok()) co_return false;
    if ((*signal == SIGHUP || *signal == SIGUSR2) && !handed_over_) continue;
    control_.Enter(ServerState::kDraining);
    control_.StopChanging();
    if (!handed_over_) co_await TellOfDrain();
    const bool hurries = !handed_over_ && co_await LameDuck();
    const std::string why =
        handed_over_ ? "upgrade" : absl::StrCat("signal SIG", sigabbrev_np(*signal));
    events_.Tell({EventKind::kDrain}, LogLevel::kInfo,
                 "%s: no new connections; %d sessions may finish for %g s", why,
                 limits_.connections.count(),
                 std::chrono::duration<double>(topology_->config().shutdown.drain_timeout).count());
    co_return hurries;
  }
}

// The next signal that asks for an end or a change; a change of the files is like SIGHUP.
core::Task<core::IoResult<int>> Server::NextChange() {
  const ChangeSignals changes{
      .reload = next_config_ ? OnChange::kReturn : OnChange::kIgnore,
      .upgrade = upgrade_ != nullptr ? OnChange::kReturn : OnChange::kIgnore,
      .why = "this process has no file to read and no binary to start"};
  const bool watches = watch_ != nullptr && topology_->config().reload.watch;
  if (!watches) cannot_watch_ = false;
  if (!watches || cannot_watch_) co_return co_await NextSignal(changes);
  auto outcome = co_await core::Select(core::Named<"signal">(NextSignal(changes)),
                                       core::Named<"file">(watch_->WaitForChange(elsewhere_)));
  core::IoResult<int> signal = outcome.Get<"signal">();
  const absl::Status& changed = outcome.Get<"file">();
  if (signal.ok() || absl::IsCancelled(changed)) co_return signal;
  if (!changed.ok()) {
    cannot_watch_ = true;
    logger_.Log(LogLevel::kWarn, "reload.watch: %s; SIGHUP still reloads", changed.message());
    co_return co_await NextSignal(changes);
  }
  why_change_ = "reload.watch";
  co_return SIGHUP;
}

// Another thread may ask for what SIGHUP and SIGUSR2 ask for.
core::Task<core::IoResult<int>> Server::NextSignal(ChangeSignals changes) {
  auto outcome = co_await core::Select(core::Named<"signal">(stop_signals_.Next(changes)),
                                       core::Named<"asked">(control_.Asked()));
  core::IoResult<int> signal = outcome.Get<"signal">();  // it may come just in time
  if (signal.ok()) why_change_ = absl::StrCat("signal SIG", sigabbrev_np(*signal));
  const std::optional<Change> asked = outcome.Get<"asked">();
  if (signal.ok() || !asked) co_return signal;
  why_change_ = "admin";
  co_return *asked == Change::kReload ? SIGHUP : SIGUSR2;
}

// Serves as before, while those who ask are told that it is not ready.
core::Task<bool> Server::LameDuck() {
  const core::Duration length = topology_->config().shutdown.lame_duck;
  if (length == 0s) co_return false;
  events_.Tell({EventKind::kDrain}, LogLevel::kInfo,
               "not ready any more; new connections are served for %g s",
               std::chrono::duration<double>(length).count());
  auto outcome = co_await core::Select(core::Named<"length">(core::Sleep(length)),
                                       core::Named<"signal">(stop_signals_.Next(kNoChangeAtEnd)));
  co_return outcome.Get<"signal">().ok();
}

}  // namespace sluice::proxy
