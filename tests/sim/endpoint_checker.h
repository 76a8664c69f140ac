// EndpointChecker: the slots of the endpoints, and the sessions that wait for one.
//
// A session asks for an endpoint when it begins and again, perhaps after a pause, when a connect
// has failed, and again in further rounds until retry_for is over; it waits from then on unless it
// has a socket. Seen at rest, when no session has been given a slot that it does not use yet.
//
// One that waits for as long as the pause before the next round is forgiven: it may be given what
// it has tried, which begins that round. Where queue_timeout may be shorter than that pause a round
// may be over before, which nothing tells: then little is asked of it. If what it is given then
// fails it has the turn that it had, until it is given something that it had not tried.
//
// Reloads change what there is to be given (upstream_model.h). Of a session that is accepted while
// one upstream takes the place of another it is not known which of them it goes to; then little is
// asked of it.
#ifndef SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_
#define SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "tests/sim/health_model.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"
#include "tests/sim/upstream_model.h"

namespace sluice::sim {

class EndpointChecker {
 public:
  EndpointChecker(const Scenario& scenario, const SimClock& clock, Trace& trace)
      : scenario_(scenario),
        clock_(clock),
        trace_(trace),
        model_(scenario, clock, trace),
        health_(scenario, clock, trace, model_) {}

  UpstreamModel& model() { return model_; }
  HealthModel& health() { return health_; }

  void Accepted(Session& session);
  void Begins(Session& session);
  // It asks for a socket; `opened`: it gets one.
  void OpensSocket(Session& session, bool opened);
  // To that endpoint of that upstream.
  void Connects(Session& session, uint32_t upstream, uint32_t endpoint);
  // The connect is over and has failed.
  void ConnectFails(Session& session, int error);
  // The proxy closes its socket to the endpoint.
  void Closes(Session& session);
  // With this reason.
  void Ended(const Session& session, std::string_view reason);

  void CheckAtRest(std::deque<Session>& sessions);

 private:
  // A session that got a slot since the world was last at rest.
  struct Winner {
    uint32_t id;
    Asking turn;  // no later one
    const Place* place;
  };

  void Ask(Session& session, core::Instant from, core::Instant until);
  core::Duration PauseAfter(uint32_t attempts) const;
  core::Duration PauseAfterRound(uint32_t rounds) const;
  void AskAgain(Session& session);
  void BeginRound(Session& session) const;
  void EndRound(Session& session) const;
  bool WaitsAreShort() const;
  bool MayBeForgiven(const Session& session) const;
  bool IsForgiven(const Session& session) const;
  bool FindsRoom(const Session& session, const Places& barred) const;
  Place* PlaceOf(Session& session, uint32_t upstream, uint32_t endpoint);
  void Count(Session& session);
  void CheckLimit(const Place& place) const;
  void CheckMayBeGiven(const Session& session, const Place& place) const;
  void CheckSticks(const Session& session, const Place& place);
  bool IsTrue(const Session& session, std::string_view reason) const;
  void CheckWaiting(const Session& session);
  void CheckOvertaken(const Session& session, const Winner& winner);
  bool MayLinger(const Session& session) const;
  void CheckDrained(const Session& session) const;
  void CheckDown(const Session& session) const;

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  UpstreamModel model_;
  HealthModel health_;
  uint64_t turns_ = 0;
  uint64_t rests_ = 0;
  std::vector<Winner> winners_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_ENDPOINT_CHECKER_H_
