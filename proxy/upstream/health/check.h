// A check: one probe (probe.h) of an endpoint, and what came of it.
//
//   connected ── connect ────────────────────────────────────────────────────► PASSED
//       ├─ exchange ─► SEND, EXPECT, step by step (exchange.h) ── all found ──►   ▲
//       └─ http ─► SEND ─► RECEIVE a status (http_status.h) ── one that passes ───┘
//                    └── another status, no HTTP, what is expected does not come ──► FAILED
//
//   const CheckResult result = co_await RunCheck(plan, endpoint.address());
//
// A scope that is cancelled ends it early: then the result says nothing.
// Threads: inside a task.
// Checked by: tests/e2e/test_health.py, tests/e2e/test_exchange.py.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/task/task.h"
#include "proxy/upstream/health/exchange.h"
#include "proxy/upstream/health/probe.h"

namespace sluice::proxy {

enum class CheckKind : uint8_t { kConnect, kExchange, kHttp };

// How the endpoints of an upstream are checked.
struct CheckPlan {
  struct Codes {
    uint32_t first;
    uint32_t last;
  };

  CheckKind kind = CheckKind::kConnect;
  ProbePlan probe;
  std::string head;     // sent before anything else, as sessions do: a PROXY header; "": none
  ExchangeSteps steps;  // of kExchange; the rest of kHttp
  std::string method;
  std::string path;
  std::string host;  // "": the address that is checked
  std::vector<Codes> passes;
};

struct CheckResult {
  enum class Is : uint8_t { kNotMade, kPassed, kFailed };
  Is is = Is::kNotMade;
  std::string answer = {};  // for the log
};

core::Task<CheckResult> RunCheck(const CheckPlan& plan, core::Address endpoint);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_H_
