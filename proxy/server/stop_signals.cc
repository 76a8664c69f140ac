#include "proxy/server/stop_signals.h"

#include <csignal>
#include <cstring>

namespace sluice::proxy {

using core::LogLevel;

core::Task<core::IoResult<int>> StopSignals::Next() {
  for (;;) {
    core::IoResult<int> signal = co_await signals_.Next();
    if (!signal.ok() || *signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) {
      co_return signal;
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
