// What is told of a connection that is rejected: by an accept loop, or by the session that it has
// become when its identity decides.
#ifndef SLUICE_PROXY_SESSION_REJECTED_H_
#define SLUICE_PROXY_SESSION_REJECTED_H_

#include <array>
#include <string>

#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/net/address.h"
#include "proxy/observe/events.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

// When the log last told of a listener's rejections, for each reason, and of wrong headers.
struct RejectionThrottles final : core::RefCounted {
  struct Throttle : core::LogThrottle {
    Throttle() : core::LogThrottle(5s) {}
  };
  std::array<Throttle, kRejectionCount> of;
  Throttle headers;  // of what is wrong with a PROXY header
};

// A line of the log, and an event. Inside a task.
void TellRejected(Events& events, const std::string& listener, Rejection cause,
                  core::LogThrottle& throttle, const core::Address& client);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_REJECTED_H_
