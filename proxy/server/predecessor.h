// Predecessor: the process whose place this one has taken. It may serve its sessions still, and a
// service manager takes them away when its main process, which is this one, has ended: so this one
// waits for it.
//
//   At ──► it serves ──► it has ended
//              │                ▲
//              │ `most` is over, or a signal asks for an end
//              └──► SIGTERM: it ends its sessions, and is waited for a little longer
//
// Threads: At any; then one task.
// Checked by: tests/e2e/test_service_manager.py.
#ifndef SLUICE_PROXY_SERVER_PREDECESSOR_H_
#define SLUICE_PROXY_SERVER_PREDECESSOR_H_

#include <sys/types.h>

#include <optional>
#include <utility>

#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/task/task.h"
#include "proxy/server/stop_signals.h"

namespace sluice::proxy {

class Predecessor {
 public:
  Predecessor() = default;  // none
  // The one that has made `channel`, while it holds its end of it. None if that cannot be found
  // out, or is this process.
  static Predecessor At(int channel);

  Predecessor(Predecessor&& other) noexcept
      : process_(std::exchange(other.process_, -1)), pid_(other.pid_) {}
  Predecessor& operator=(Predecessor&& other) noexcept {
    std::swap(process_, other.process_);
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Predecessor();

  // Once. `most`: none is for ever.
  core::Task<void> WaitForEnd(std::optional<core::Duration> most, StopSignals& signals,
                              core::Logger& logger);

 private:
  bool HasEnded() const;
  core::Task<void> Ended() const;

  int process_ = -1;  // a pidfd
  pid_t pid_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_PREDECESSOR_H_
