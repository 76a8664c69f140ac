#include "tests/sim/pace_checker.h"

#include <algorithm>

namespace sluice::sim {

PaceChecker::PaceChecker(const Scenario& scenario, const SimClock& clock, Trace& trace)
    : scenario_(scenario),
      clock_(clock),
      trace_(trace),
      total_{Meter(scenario.bandwidth_total), Meter(scenario.bandwidth_total)} {}

// 20 ms worth of the smaller limit, at least 512 bytes, at most 16 KiB: no scenario has a rate at
// which a piece is larger.
uint64_t PaceChecker::Piece() const {
  const auto piece_of = [](uint64_t rate) {
    constexpr uint64_t kMost = 16384;
    return rate == 0 ? kMost : std::clamp<uint64_t>(rate / 50, 512, kMost);
  };
  return std::min(piece_of(scenario_.bandwidth_own), piece_of(scenario_.bandwidth_total));
}

void PaceChecker::Submitted(Session& session, int direction, uint64_t bytes) {
  const auto way = static_cast<size_t>(direction);
  const uint64_t end = session.to(direction).total_written + bytes;
  const uint64_t more = end - std::min(end, session.allowed[way]);
  if (more == 0) return;
  session.allowed[way] = end;
  session.held_since[way].reset();
  if (scenario_.bandwidth_own != 0) {
    Meter& meter = own_.try_emplace({session.id, direction}, scenario_.bandwidth_own).first->second;
    meter.Add(clock_.Now(), more);
    Check(meter, scenario_.bandwidth_total == 0 ? 1 : 2, "a session");
  }
  if (scenario_.bandwidth_total != 0) {
    total_[way].Add(clock_.Now(), more);
    Check(total_[way], 1, "all sessions");
  }
}

void PaceChecker::Check(const Meter& meter, uint64_t pieces, const char* whose) {
  const double most = meter.Worth(kBurst + kTolerance) + static_cast<double>(pieces * Piece()) + 1;
  if (meter.Level(clock_.Now()) > most) {
    trace_.Fail("%s: %.0f bytes more than the bandwidth allows, with burst and pieces %.0f", whose,
                meter.Level(clock_.Now()), most);
  }
}

// It waits for its own last piece, and then for its turn: every other session may have to catch up
// with its last piece, which it may be behind by one more, and go one further.
bool PaceChecker::MayHold(Session& session, int direction) {
  if (!paced()) return false;
  core::OptionalInstant& since = session.held_since[static_cast<size_t>(direction)];
  if (!since) since = clock_.Now();
  const auto time_for = [this](uint64_t pieces, uint64_t rate) {
    return core::Duration(
        rate == 0 ? 0 : static_cast<int64_t>(pieces * Piece() * 1'000'000'000 / rate));
  };
  const core::Duration longest = time_for(1, scenario_.bandwidth_own) +
                                 time_for(3 * scenario_.clients, scenario_.bandwidth_total);
  return clock_.Now() <= *since + longest + kTolerance;
}

}  // namespace sluice::sim
