// HealthModel: the checks of endpoints, the answers of their agents, and what has to follow.
//
//   the proxy connects to a port of checks or agents ── Begins ──► Probe: what becomes of it
//   it closes that connection ── Ends ──► passed, failed, or not known (a reload, a late answer)
//   it logs a transition ── Log ──► true, or the simulation fails
//
// Endpoints are well or sick for a while each, by chance; a sick one answers few checks rightly, a
// well one most. Agents say words, or lie: half a line, none, too much, what is no word.
//
// Checked: an endpoint is down or up by its checks with the last of a row of `fall` or `rise` and
// at no other time; one that joins with its first check. It is so for its agent when the agent has
// said that. No more are ejected than max_ejected, and one only after as many failures as told.
// What is out gets no session (endpoint_checker.h), and with on_down: reset it keeps none.
#ifndef SLUICE_TESTS_SIM_HEALTH_MODEL_H_
#define SLUICE_TESTS_SIM_HEALTH_MODEL_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "tests/sim/upstream_model.h"

namespace sluice::sim {

// A connection of a check, or to an agent.
struct Probe {
  Place* place = nullptr;  // null: not known
  uint32_t upstream = 0;
  uint32_t endpoint = 0;
  bool is_agent = false;
  core::Instant since;
  uint64_t reloads = 0;   // that had been asked for
  int connect_error = 0;  // 0: it connects
  bool is_lost = false;   // the connect is never answered
  bool is_connected = false;
  bool ends = false;         // the other side closes when it has said all
  std::string says;          // in pieces
  bool is_right = false;     // that lets the check pass
  std::string line;          // of an agent
  Socket* socket = nullptr;  // the proxy's
};

class HealthModel {
 public:
  static constexpr uint16_t kCheckPort = 8008;
  static constexpr uint16_t kAgentPort = 9999;

  HealthModel(const Scenario& scenario, const SimClock& clock, Trace& trace, UpstreamModel& model)
      : scenario_(scenario),
        clock_(clock),
        trace_(trace),
        model_(model),
        random_(scenario.options.seed, 13) {}

  // To that port of an endpoint; lives as long as the model.
  Probe& Begins(uint32_t upstream, uint32_t endpoint, uint16_t port);
  // The proxy has closed its socket.
  void Ends(Probe& probe);
  // Nothing that is on its way is known any more.
  void ReloadAsked() { ++reloads_; }
  // A connection to an endpoint has failed.
  void Failed(Place& place) { ++place.failures; }

  void Log(std::string_view line);
  void CheckAtRest();

 private:
  enum class Result : uint8_t { kUnknown, kPassed, kFailed, kNotMade };

  bool IsSick(const Probe& probe) const;
  void ChooseCheck(Probe& probe);
  void ChooseAgent(Probe& probe);
  Result ResultOf(const Probe& probe) const;
  void Note(Place& place, bool passed);
  void CheckTransition(Place& place, bool is_down, std::string_view line);
  void CheckEjection(Place& place, std::string_view line);
  void CheckAgent(std::string_view line, bool is_agent);
  Place* PlaceNamed(std::string_view line) const;
  void Apply(Place& place);

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  UpstreamModel& model_;
  Random random_;
  std::deque<Probe> probes_;
  uint64_t reloads_ = 0;
  bool is_ending_ = false;       // the proxy takes no new connections
  Place* ended_last_ = nullptr;  // whose check has ended last
  std::string said_last_;        // by the agent that was asked last
  Place* asked_last_ = nullptr;
};

// What is at the other end of a probe.
class ProbePeer final : public SocketUser {
 public:
  ProbePeer(Probe& probe, Socket& socket, Network& network)
      : probe_(probe), socket_(socket), network_(network) {
    socket_.user = this;
    Act();
  }
  void SocketChanged(Socket&) override;

 private:
  void Act();

  Probe& probe_;
  Socket& socket_;
  Network& network_;
  size_t said_ = 0;
  bool heard_ = false;
  bool over_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_HEALTH_MODEL_H_
