#include "proxy/server/stop_signals.h"

#include <csignal>
#include <cstring>
#include <utility>

namespace sluice::proxy {

using core::LogLevel;

core::Task<core::IoResult<int>> StopSignals::Next(OnReload on_reload) {
  if (on_reload == OnReload::kReturn && std::exchange(reload_deferred_, false)) co_return SIGHUP;
  for (;;) {
    core::IoResult<int> signal = co_await signals_.Next();
    if (!signal.ok() || *signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) {
      co_return signal;
    }
    if (*signal == SIGHUP && on_reload == OnReload::kReturn) co_return signal;
    if (*signal == SIGHUP && on_reload == OnReload::kDefer) {
      reload_deferred_ = true;
      continue;
    }
    if (*signal == SIGUSR1 && access_log_ != nullptr) {
      access_log_->Reopen();
      logger_.Log(LogLevel::kInfo, "signal SIGUSR1: access log reopened");
      continue;
    }
    logger_.Log(LogLevel::kWarn, "signal SIG%s: not supported by this version, ignored",
                sigabbrev_np(*signal));
  }
}

}  // namespace sluice::proxy
