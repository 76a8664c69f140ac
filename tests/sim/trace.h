// Trace: the last events of a simulation, and the one way it fails: say why and end the process
// (every simulation runs in a child process of its own kind, see runner.h).
#ifndef SLUICE_TESTS_SIM_TRACE_H_
#define SLUICE_TESTS_SIM_TRACE_H_

#include <chrono>
#include <deque>
#include <string>

#include "absl/strings/str_format.h"
#include "core/base/clock.h"

namespace sluice::sim {

// Time that passes only when the simulation says so.
class SimClock final : public core::Clock {
 public:
  core::Instant Now() const override { return now_; }
  void Set(core::Instant now) { now_ = now; }
  // For reports: since the beginning.
  double seconds() const { return std::chrono::duration<double>(now_ - kStart).count(); }

  static constexpr core::Instant kStart = core::Instant(1000s);

 private:
  core::Instant now_ = kStart;
};

class Trace {
 public:
  Trace(const SimClock& clock, bool enabled, bool at_once)
      : clock_(clock), enabled_(enabled || at_once), at_once_(at_once) {}

  template <typename... Args>
  void Add(const absl::FormatSpec<Args...>& format, const Args&... args) {
    if (enabled_) Append(absl::StrFormat(format, args...));
  }

  template <typename... Args>
  [[noreturn]] void Fail(const absl::FormatSpec<Args...>& format, const Args&... args) {
    FailWith(absl::StrFormat(format, args...));
  }

 private:
  static constexpr size_t kLines = 150;

  void Append(std::string line);
  [[noreturn]] void FailWith(const std::string& why);

  const SimClock& clock_;
  const bool enabled_;
  const bool at_once_;
  std::deque<std::string> lines_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_TRACE_H_
