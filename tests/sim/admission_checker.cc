#include "tests/sim/admission_checker.h"

#include <algorithm>
#include <bit>
#include <string>

#include "tests/sim/log_line.h"

namespace sluice::sim {
namespace {

// behaviour: a bucket holds 50 ms worth, at least one.
constexpr core::Duration kBurst = 50ms;

}  // namespace

AdmissionChecker::AdmissionChecker(const Scenario& scenario, const SimClock& clock, Trace& trace)
    : scenario_(scenario),
      clock_(clock),
      trace_(trace),
      rate_all_(scenario.rate_all),
      rate_own_(scenario.rate_own) {}

double AdmissionChecker::Burst(const Meter& meter) { return std::max(1.0, meter.Worth(kBurst)); }

// So that one more might be too many. (A connection in hand may have been admitted, and not begun
// yet.)
bool AdmissionChecker::RateIsUsedUp(const Meter& meter) const {
  return meter.limited() &&
         meter.Level(clock_.Now()) + in_hand_ + 1 + meter.Worth(kTolerance) > Burst(meter);
}

void AdmissionChecker::CheckRate(Meter& meter, const char* whose) {
  if (!meter.limited()) return;
  meter.Add(clock_.Now(), 1);
  constexpr double kRounding = 1e-3;
  if (meter.Level(clock_.Now()) > Burst(meter) + meter.Worth(kTolerance) + kRounding) {
    trace_.Fail("more new connections a second than %s may let in", whose);
  }
}

void AdmissionChecker::Accepted(const Session& session) {
  ++in_hand_;
  ++CrowdOf(session).in_hand;
}

void AdmissionChecker::Begins(const Session& session) {
  Crowd& crowd = CrowdOf(session);
  --in_hand_;
  --crowd.in_hand;
  ++crowd.live;
  if (++live_ > scenario_.most_sessions()) {
    trace_.Fail("%d sessions live, %d are allowed", live_, scenario_.most_sessions());
  }
  if (scenario_.source_connections != 0 && crowd.live > scenario_.source_connections) {
    trace_.Fail("%d sessions of one source, %d are allowed", crowd.live,
                scenario_.source_connections);
  }
  CheckRate(rate_all_, "all listeners");
  CheckRate(rate_own_, "the listener");
}

// A connection in hand may have been admitted without having begun, so that a cause is known to be
// possible, not to be the one.
void AdmissionChecker::Rejected(const Session& session) {
  Crowd& crowd = CrowdOf(session);
  --in_hand_;
  --crowd.in_hand;
  ++rejected_;
  const uint32_t most = live_ + in_hand_;
  std::array<bool, kCauses> possible{};
  possible[kConnections] = most >= scenario_.max_connections;
  possible[kListener] =
      scenario_.listener_connections != 0 && most >= scenario_.listener_connections;
  possible[kSource] = scenario_.source_connections != 0 &&
                      crowd.live + crowd.in_hand >= scenario_.source_connections;
  possible[kRate] = RateIsUsedUp(rate_all_) || RateIsUsedUp(rate_own_);
  const auto count = std::ranges::count(possible, true);
  if (count == 0) trace_.Fail("session %d is rejected though no limit is reached", session.id);
  for (size_t cause = 0; cause < kCauses; ++cause) {
    if (!possible[cause]) continue;
    ++could_be_[cause];
    if (count == 1) ++must_be_[cause];
  }
}

void AdmissionChecker::Ended(const Session& session) {
  --live_;
  --CrowdOf(session).live;
}

// No connection is kept waiting in hand while it could be admitted.
void AdmissionChecker::CheckAtRest(bool stopping) {
  if (in_hand_ == 0 || stopping) {
    free_since_.reset();
    return;
  }
  if (!scenario_.wait_on_limit) trace_.Fail("a client is neither let in nor rejected");
  const core::Instant now = clock_.Now();
  const auto free = [now](const Meter& meter) {
    return !meter.limited() || meter.Level(now) + 1 <= Burst(meter);
  };
  if (live_ >= scenario_.most_sessions() || !free(rate_all_) || !free(rate_own_)) {
    free_since_.reset();
    return;
  }
  if (!free_since_) free_since_ = now;
  if (now > *free_since_ + 2 * kTolerance) {
    trace_.Fail("a client waits to be let in since %d ms, though there is a free slot",
                (now - *free_since_) / 1ms);
  }
}

void AdmissionChecker::CheckCauses(std::string_view line) {
  constexpr std::array<const char*, kCauses> kNames = {"rejected_connections", "rejected_listener",
                                                       "rejected_source", "rejected_rate"};
  uint64_t sum = 0;
  for (size_t cause = 0; cause < kCauses; ++cause) {
    const uint64_t count = Number(line, kNames[cause], 0);
    sum += count;
    if (count < must_be_[cause] || count > could_be_[cause]) {
      trace_.Fail("%d to %d rejections are %s, but: %s", must_be_[cause], could_be_[cause],
                  kNames[cause], line);
    }
  }
  if (sum != rejected_ || Number(line, "rejected") != rejected_) {
    trace_.Fail("%d were rejected, but: %s", rejected_, line);
  }
}

}  // namespace sluice::sim
