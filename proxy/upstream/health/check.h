// A check: one connection to an endpoint, and what came of it.
//
//   OPEN ──► CONNECT ── check: connect ──► PASSED
//     │         │ check: http                ▲
//     │         └─► SEND ─► RECEIVE ─────────┘ a status that passes
//     │                        └── another status, no HTTP ────────────┐
//     │ this process has        any error, the end, or `timeout` is over ▼
//     │ run out of something                                           FAILED
//     └──► NOT MADE: it says nothing about the endpoint
//
//   const CheckResult result = co_await RunCheck(plan, endpoint.address());
//
// The connection is closed in every case; nothing of it is left when the check has ended. A scope
// that is cancelled ends it early: then the result says nothing.
// Threads: inside a task.
// Checked by: tests/e2e/test_health.py.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"
#include "core/task/task.h"

namespace sluice::proxy {

// How the endpoints of an upstream are checked.
struct CheckPlan {
  struct Codes {
    uint32_t first;
    uint32_t last;
  };

  bool is_http = false;  // or it is enough to connect
  core::Duration timeout;
  core::Address address;  // an IP address instead of the endpoint's; empty: the endpoint's
  uint16_t port = 0;      // instead of the endpoint's; 0: the endpoint's
  std::optional<core::Address> source;
  std::string method;
  std::string path;
  std::string host;  // "": the address that is checked
  std::vector<Codes> passes;

  // Where to check the endpoint of this address.
  core::Address TargetOf(const core::Address& endpoint) const {
    const core::Address& host = address.is_ip() ? address : endpoint;
    if (!host.is_ip()) return host;
    return host.WithPort(port != 0 ? port : endpoint.is_ip() ? endpoint.port() : host.port());
  }
  bool is_elsewhere() const { return address.is_ip() || port != 0; }
};

struct CheckResult {
  enum class Is : uint8_t { kNotMade, kPassed, kFailed };
  Is is = Is::kNotMade;
  std::string answer = {};  // for the log
};

core::Task<CheckResult> RunCheck(const CheckPlan& plan, core::Address endpoint);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_
