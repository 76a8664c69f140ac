// A probe: one connection of the proxy's own to an endpoint, or to what speaks for it, and what is
// said over it.
//
//   OPEN ──► CONNECT ──► TALK (Talk::Run) ──► TALKED
//     │         └───────────┴─ any error, or `timeout` is over ──► FAILED
//     └─ this process has run out of something, or the scope is cancelled ──► NOT MADE: it says
//        nothing about the other side
//
// The time is one for all of it. The connection is closed in every case; nothing of it is left when
// the probe has ended.
// Threads: inside a task.
// Checked by: tests/e2e/test_health.py, tests/e2e/test_exchange.py, tests/e2e/test_agent.py.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_PROBE_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/reactor/buffer_pool.h"
#include "core/task/task.h"

namespace sluice::proxy {

struct ProbePlan {
  core::Duration timeout;
  core::Address address;  // an IP address instead of the endpoint's; empty: the endpoint's
  uint16_t port = 0;      // instead of the endpoint's; 0: the endpoint's
  std::optional<core::Address> source;

  // Where to go for the endpoint of this address.
  core::Address TargetOf(const core::Address& endpoint) const {
    const core::Address& host = address.is_ip() ? address : endpoint;
    if (!host.is_ip()) return host;
    return host.WithPort(port != 0 ? port : endpoint.is_ip() ? endpoint.port() : host.port());
  }
  bool is_elsewhere() const { return address.is_ip() || port != 0; }
};

class Talk {
 public:
  virtual ~Talk() = default;
  virtual core::Task<core::IoResult<void>> Run(int fd) = 0;
  // For the message when it fails: "no `WaitsFor` within 1 s`Where`".
  virtual std::string WaitsFor() const { return "answer"; }
  virtual std::string Where() const { return ""; }
};

struct ProbeEnd {
  enum class Is : uint8_t { kNotMade, kTalked, kFailed };
  Is is = Is::kNotMade;
  std::string why = {};  // it has not talked; for the log
};

core::Task<ProbeEnd> RunProbe(const ProbePlan& plan, core::Address target, Talk& talk);

// For talks.
core::Task<core::IoResult<void>> SendAll(int fd, std::string_view text);
inline std::string_view TextOf(const core::BufferLease& buffer) {
  const auto bytes = buffer.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// So much of an answer is received ahead.
inline constexpr uint32_t kProbeCredit = 4096;

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_PROBE_H_
