// AcceptLog: the warnings of accept loops, at most one of each kind in five seconds.
//
//   listener web: 192.0.2.7:51514 is rejected: source (per_source.max_connections of its address
//   are open; 17 more for this reason since the last line)
#ifndef SLUICE_PROXY_LISTENER_ACCEPT_LOG_H_
#define SLUICE_PROXY_LISTENER_ACCEPT_LOG_H_

#include <array>
#include <cstdint>
#include <string>

#include "core/base/time.h"
#include "core/log/logger.h"
#include "proxy/admission/admission.h"
#include "proxy/observe/events.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

// Inside a task, of any worker.
class AcceptLog {
 public:
  explicit AcceptLog(Events& events) : events_(events) {}

  // Memory or buffer_memory is used up: `connection` (a descriptor) waits or is reset. Other causes
  // are limits of the configuration: the first in five seconds of those that wait is an event.
  void Shortage(const std::string& listener, Rejection cause, WhenExhausted when_exhausted,
                uint32_t connections_served, int connection);

  // `connection` is about to be reset because of a limit of the configuration. Nothing for other
  // causes. `throttle`: of this listener and cause.
  void Rejected(const std::string& listener, Rejection cause, core::LogThrottle& throttle,
                int connection);

  // The kernel gave no connection because of `error`.
  void CannotAccept(const std::string& listener, int error, core::Duration longest_pause);

 private:
  void NoteLimit(const std::string& listener, Rejection cause);

  Events& events_;
  core::LogThrottle accept_throttle_{5s};
  core::LogThrottle memory_throttle_{5s};
  core::LogThrottle buffer_throttle_{5s};
  struct Throttle {
    core::LogThrottle throttle{5s};
  };
  std::array<Throttle, kRejectionCount> limit_throttles_;  // by the limit
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_ACCEPT_LOG_H_
