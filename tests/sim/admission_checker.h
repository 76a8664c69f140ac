// AdmissionChecker: which connections may become sessions, and by which cause others are rejected.
#ifndef SLUICE_TESTS_SIM_ADMISSION_CHECKER_H_
#define SLUICE_TESTS_SIM_ADMISSION_CHECKER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "tests/sim/meter.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class AdmissionChecker {
 public:
  AdmissionChecker(const Scenario& scenario, const SimClock& clock, Trace& trace);

  // From the kernel's queue into the proxy's hands; then it begins or is rejected.
  void Accepted(const Session& session);
  void Begins(const Session& session);
  void Rejected(const Session& session);
  void Ended(const Session& session);

  // `stopping`: a signal has been sent.
  void CheckAtRest(bool stopping);
  // Of a line of statistics.
  void CheckCauses(std::string_view line);

  uint32_t live() const { return live_; }

 private:
  enum Cause : uint8_t { kConnections, kListener, kSource, kRate };
  static constexpr size_t kCauses = 4;
  // Connections of one source.
  struct Crowd {
    uint32_t live = 0;
    uint32_t in_hand = 0;
  };

  Crowd& CrowdOf(const Session& session) {
    return crowds_[session.id >> (32 - scenario_.source_prefix)];
  }
  static double Burst(const Meter& meter);
  bool RateIsUsedUp(const Meter& meter) const;
  void CheckRate(Meter& meter, const char* whose);

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  Meter rate_all_;
  Meter rate_own_;
  std::map<uint32_t, Crowd> crowds_;
  uint32_t live_ = 0;
  uint32_t in_hand_ = 0;              // accepted, nothing decided yet
  core::OptionalInstant free_since_;  // a connection is in hand and there is a free slot for it
  uint64_t rejected_ = 0;
  std::array<uint64_t, kCauses> could_be_{};  // rejections that may have had this cause
  std::array<uint64_t, kCauses> must_be_{};   // ... and no other
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_ADMISSION_CHECKER_H_
