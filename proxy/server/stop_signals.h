// StopSignals: waits for the signals that the server acts upon, and answers the others meanwhile.
#ifndef SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
#define SLUICE_PROXY_SERVER_STOP_SIGNALS_H_

#include "core/base/result.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/task/task.h"
#include "proxy/observe/access_log/access_log.h"

namespace sluice::proxy {

// What a signal that asks for a change does while a task waits for a signal.
enum class OnChange {
  kIgnore,  // nothing changes here: a line says why
  kReturn,  // it is returned
  kDefer,  // another change is under way: those that come are one more, returned by a later kReturn
  kReject,  // another change is under way: a line says so
};

struct ChangeSignals {
  OnChange reload = OnChange::kIgnore;   // SIGHUP
  OnChange upgrade = OnChange::kIgnore;  // SIGUSR2
  // Why one that is ignored or rejected can change nothing: the end of the line about it.
  const char* why = "this process does not serve yet";
};

inline constexpr ChangeSignals kNoChangeAtEnd{
    .why = "this process is draining, and ends with the configuration and the binary that it has"};

inline constexpr ChangeSignals kDeferChanges{.reload = OnChange::kDefer,
                                             .upgrade = OnChange::kDefer};

// One task at a time.
class StopSignals {
 public:
  // `access_log`, which SIGUSR1 reopens, may be null.
  StopSignals(core::SignalStream& signals, core::Logger& logger, AccessLog* access_log)
      : signals_(signals), logger_(logger), access_log_(access_log) {}

  // The next signal that asks for an end: SIGTERM, SIGINT or SIGQUIT; with kReturn also one that
  // asks for a change.
  core::Task<core::IoResult<int>> Next(ChangeSignals changes = {});

 private:
  bool HandleOther(int signal, ChangeSignals changes);

  core::SignalStream& signals_;
  core::Logger& logger_;
  AccessLog* const access_log_;
  bool reload_deferred_ = false;
  bool upgrade_deferred_ = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_STOP_SIGNALS_H_
