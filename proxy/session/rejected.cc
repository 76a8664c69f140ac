#include "proxy/session/rejected.h"

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "core/sched/worker.h"
#include "proxy/observe/access_log/record_text.h"

namespace sluice::proxy {
namespace {

constexpr const char* kLimits[] = {
    "",
    "limits.max_connections are open",
    "the listener's max_connections are open",
    "per_source.max_connections of its address are open",
    "more than new_connections come in a second",
    "out of memory",
    "limits.buffer_memory serves no more",
    "its address is in none of the networks that may connect, or in one that may not",
};
static_assert(std::size(kLimits) == kRejectionCount);

}  // namespace

void TellRejected(Events& events, const std::string& listener, Rejection cause,
                  core::LogThrottle& throttle, const core::Address& client) {
  uint64_t suppressed = 0;
  if (!throttle.Pass(core::Worker::Current()->Now(), suppressed)) return;
  events.Tell({EventKind::kLimit}, core::LogLevel::kWarn,
              "listener %s: %s is rejected: %s (%s; %d more for this reason since the last line)",
              listener, EscapedName(client.ToString()), Name(cause),
              kLimits[static_cast<size_t>(cause)], suppressed);
}

}  // namespace sluice::proxy
