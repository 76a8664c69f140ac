// HeaderModel: what a client's balancer sends before its bytes, and what has to become of it.
//
//   the whole header has been read ──► IDENTIFIED: it connects; it is known by the header's address
//   in time                        │
//   BEGUN ─────────────────────────┼─ it is a wrong one, or there is none ─► proxy_protocol_error
//                                  ├─ the stream ends before ──────────────► proxy_protocol_error
//                                  ├─ the time is over ────────────────────► proxy_protocol_timeout
//                                  └─ a drain begins ──────────────────────► shutdown, at once
#ifndef SLUICE_TESTS_SIM_HEADER_MODEL_H_
#define SLUICE_TESTS_SIM_HEADER_MODEL_H_

#include <string>
#include <string_view>

#include "tests/sim/network.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class HeaderModel {
 public:
  HeaderModel(const Scenario& scenario, const SimClock& clock, Trace& trace)
      : scenario_(scenario), clock_(clock), trace_(trace) {}

  bool is_on() const { return scenario_.has(Fault::kHeaders); }
  // Nothing of `session` waits for a header.
  bool IsOver(const Session& session) const { return !is_on() || session.identified.has_value(); }
  // Before its first byte is sent. `address`: of the client, in host byte order, at port 1.
  void Choose(Session& session, uint32_t address) const;
  // Nothing that could be done is left; `drains_since`: none: it does not.
  void CheckAtRest(const Session& session, core::OptionalInstant drains_since) const;
  // `client`: as the log tells. Returns true if `reason` is one of a header's.
  bool CheckEnd(const Session& session, std::string_view reason, std::string_view client) const;

 private:
  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_HEADER_MODEL_H_
