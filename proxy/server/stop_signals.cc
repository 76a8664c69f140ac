#include "proxy/server/stop_signals.h"

#include <csignal>
#include <cstring>
#include <utility>

namespace sluice::proxy {

using core::LogLevel;

core::Task<core::IoResult<int>> StopSignals::Next(ChangeSignals changes) {
  if (changes.reload == OnChange::kReturn && std::exchange(reload_deferred_, false)) {
    co_return SIGHUP;
  }
  if (changes.upgrade == OnChange::kReturn && std::exchange(upgrade_deferred_, false)) {
    co_return SIGUSR2;
  }
  for (;;) {
    core::IoResult<int> signal = co_await signals_.Next();
    if (!signal.ok() || *signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) {
      co_return signal;
    }
    if (HandleOther(*signal, changes)) co_return signal;
  }
}

// Returns true if it is to be returned.
bool StopSignals::HandleOther(int signal, ChangeSignals changes) {
  if (signal == SIGUSR1 && access_log_ != nullptr && access_log_->is_open()) {
    access_log_->Reopen();
    logger_.Log(LogLevel::kInfo, "signal SIGUSR1: access log reopened");
    return false;
  }
  const OnChange on_change = signal == SIGHUP    ? changes.reload
                             : signal == SIGUSR2 ? changes.upgrade
                                                 : OnChange::kIgnore;
  switch (on_change) {
    case OnChange::kReturn:
      return true;
    case OnChange::kDefer:
      (signal == SIGHUP ? reload_deferred_ : upgrade_deferred_) = true;
      return false;
    case OnChange::kReject:
      logger_.Log(LogLevel::kWarn, "signal SIG%s: rejected, %s", sigabbrev_np(signal), changes.why);
      return false;
    case OnChange::kIgnore:
      break;
  }
  logger_.Log(LogLevel::kWarn, "signal SIG%s: ignored, %s", sigabbrev_np(signal),
              signal == SIGUSR1 ? "there is no access log to reopen" : changes.why);
  return false;
}

}  // namespace sluice::proxy
