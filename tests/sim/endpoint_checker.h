// EndpointChecker: the slots of the endpoints, and the sessions that wait for one.
//
// A session asks for an endpoint when it begins and again, perhaps after a pause, when a connect
// has failed, and again in further rounds until retry_for is over; it waits from then on unless it
// has a socket. Seen at rest, when no session has been given a slot that it does not use yet.
#ifndef SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_
#define SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class EndpointChecker {
 public:
  EndpointChecker(const Scenario& scenario, const SimClock& clock, Trace& trace)
      : scenario_(scenario), clock_(clock), trace_(trace) {}

  void Begins(Session& session);
  // It asks for a socket; `opened`: it gets one.
  void OpensSocket(Session& session, bool opened);
  void Connects(Session& session, uint32_t endpoint);
  // The connect is over and has failed.
  void ConnectFails(Session& session, int error);
  // The proxy closes its socket to the endpoint.
  void Closes(Session& session);
  // With this reason.
  void Ended(const Session& session, std::string_view reason);

  void CheckAtRest(const std::deque<Session>& sessions);

 private:
  // A session that got a slot since the world was last at rest.
  struct Winner {
    uint32_t id;
    uint64_t asked;
    core::Instant asked_from;
    uint32_t endpoint;
  };

  void Ask(Session& session, core::Instant from, core::Instant until);
  core::Duration PauseAfter(uint32_t attempts) const;
  core::Duration PauseAfterRound(uint32_t rounds) const;
  void AskAgain(Session& session);
  bool HasRoom(uint32_t endpoint) const;
  bool FindsRoom(const Session& session) const;
  void CheckWaiting(const Session& session);
  void CheckOvertaken(const Session& session, const Winner& winner);

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  std::array<uint32_t, Scenario::kEndpointsMax> used_{};
  uint64_t turns_ = 0;
  std::vector<Winner> winners_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_
