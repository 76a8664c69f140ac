// StopSignals: waits for the signals that end the process, and answers the others meanwhile.
#ifndef SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
#define SLUICE_PROXY_SERVER_STOP_SIGNALS_H_

#include "core/base/result.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/task/task.h"
#include "proxy/observe/access_log/access_log.h"

namespace sluice::proxy {

// One task at a time.
class StopSignals {
 public:
  // `access_log`, which SIGUSR1 reopens, may be null.
  StopSignals(core::SignalStream& signals, core::Logger& logger, AccessLog* access_log)
      : signals_(signals), logger_(logger), access_log_(access_log) {}

  // The next signal that asks for an end: SIGTERM, SIGINT or SIGQUIT.
  core::Task<core::IoResult<int>> Next();

 private:
  core::SignalStream& signals_;
  core::Logger& logger_;
  AccessLog* const access_log_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
