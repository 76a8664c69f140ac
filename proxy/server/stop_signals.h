// StopSignals: waits for the signals that the server acts upon, and answers the others meanwhile.
#ifndef SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
#define SLUICE_PROXY_SERVER_STOP_SIGNALS_H_

#include "core/base/result.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/task/task.h"
#include "proxy/observe/access_log/access_log.h"

namespace sluice::proxy {

// What SIGHUP, which asks for a reload, does while a task waits for a signal.
enum class OnReload {
  kIgnore,  // nothing reloads
  kReturn,  // it is returned
  kDefer,   // a reload is under way: those that come are one more, returned by a later kReturn
};

// One task at a time.
class StopSignals {
 public:
  // `access_log`, which SIGUSR1 reopens, may be null.
  StopSignals(core::SignalStream& signals, core::Logger& logger, AccessLog* access_log)
      : signals_(signals), logger_(logger), access_log_(access_log) {}

  // The next signal that asks for an end: SIGTERM, SIGINT or SIGQUIT; with kReturn also SIGHUP.
  core::Task<core::IoResult<int>> Next(OnReload on_reload = OnReload::kIgnore);

 private:
  core::SignalStream& signals_;
  core::Logger& logger_;
  AccessLog* const access_log_;
  bool reload_deferred_ = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
