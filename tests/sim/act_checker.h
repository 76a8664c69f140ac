// ActChecker: what comes of an administrator's acts on sessions, and of a drain that is spread.
//
// A session that is killed ends at once, and no other one by that. Of those that are shed no more
// have ended than is their share of the time, and when it is over no fewer than were to, those
// included that have ended by themselves meanwhile. The end of a drain_window leaves none.
#ifndef SLUICE_TESTS_SIM_ACT_CHECKER_H_
#define SLUICE_TESTS_SIM_ACT_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"
#include "tests/sim/scenario.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class ActChecker {
 public:
  ActChecker(const Scenario& scenario, const SimClock& clock, Trace& trace,
             std::deque<Session>& sessions)
      : scenario_(scenario), clock_(clock), trace_(trace), sessions_(sessions) {}

  // The session of this client.
  void Killed(const core::Address& client);
  // Of those that are `there`, `count` are to end within `over`.
  void Sheds(const std::vector<core::Address>& there, size_t count, core::Duration over);
  void SignalSent() {
    if (!signal_) signal_ = clock_.Now();
    shed_.reset();  // the end of the process stops it
  }

  void Ended(const Session& session, std::string_view reason);
  // Whether that is a true reason for it.
  bool IsTrue(const Session& session, std::string_view reason) const;
  // What it had not passed on may be lost.
  bool MayCut(const Session& session) const;
  void CheckAtRest();

 private:
  struct Shed {
    core::Instant begin;
    core::Duration over;
    size_t count;
    std::set<uint32_t> there;  // sessions that have not ended otherwise
    size_t done = 0;           // by it, or otherwise
    size_t shed = 0;           // by it
  };

  Session& SessionOf(const core::Address& client) const;
  bool drains_gently() const { return signal_ && scenario_.drain_window > core::Duration(0); }

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  std::deque<Session>& sessions_;
  std::set<uint32_t> may_be_cut_;
  std::optional<Shed> shed_;  // under way
  core::OptionalInstant signal_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_ACT_CHECKER_H_
