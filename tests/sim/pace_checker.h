// PaceChecker: bytes are sent no faster than the bandwidth allows, and no slower for no reason.
//
// Measured where the proxy asks for a send: a receiver that makes it wait moves bytes to later, but
// does not raise what was allowed. In any stretch of time: rate * time + burst + one piece; of a
// session one more piece where the other of two limits may have kept it waiting.
#ifndef SLUICE_TESTS_SIM_PACE_CHECKER_H_
#define SLUICE_TESTS_SIM_PACE_CHECKER_H_

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "tests/sim/meter.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class PaceChecker {
 public:
  PaceChecker(const Scenario& scenario, const SimClock& clock, Trace& trace);

  bool paced() const { return scenario_.bandwidth_own != 0 || scenario_.bandwidth_total != 0; }

  // The session wants to send so many bytes; some of them may be from the last time.
  void Submitted(Session& session, int direction, uint64_t bytes);

  // At rest, bytes are held although the receiver would take them: true as long as the pace may be
  // the reason.
  bool MayHold(Session& session, int direction);

 private:
  static constexpr core::Duration kBurst = 50ms;

  uint64_t Piece() const;
  void Check(const Meter& meter, uint64_t pieces, const char* whose);

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  std::array<Meter, 2> total_;                     // by direction
  std::map<std::pair<uint32_t, int>, Meter> own_;  // by session and direction
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_PACE_CHECKER_H_
