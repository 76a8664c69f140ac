// LogThrottle, the real code: one message an interval, and every other one is counted once.
#include <array>
#include <string>

#include "core/base/check.h"
#include "core/log/logger.h"
#include "tests/model/expect.h"

namespace sluice::model {
namespace {

using core::Duration;
using core::Instant;

constexpr Duration kInterval = 10ns;
constexpr Instant kNow(100ns);
constexpr int kCallers = 3;

// The mistakes that the exchanges are there to prevent.
class LoadThenStore {
 public:
  explicit LoadThenStore(Duration interval) : interval_(interval) {}
  bool Pass(Instant now, uint64_t& suppressed) {
    if (now < next_.load(std::memory_order_relaxed)) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    next_.store(now + interval_, std::memory_order_relaxed);
    suppressed = suppressed_.load(std::memory_order_relaxed);
    suppressed_.store(0, std::memory_order_relaxed);
    return true;
  }

 private:
  const Duration interval_;
  core::Atomic<Instant> next_;
  core::Atomic<uint64_t> suppressed_{0};
};

template <typename Throttle>
struct State {
  void Call(Instant now) {
    uint64_t suppressed = 0;
    if (!throttle.Pass(now, suppressed)) return;
    ++passed;  // counted directly after a step, so it belongs to it
    told += suppressed;
  }
  Throttle throttle{kInterval};
  int passed = 0;
  uint64_t told = 0;
};

// All at the same time: one gets through.
template <typename Throttle>
void AtOnce(Execution& run) {
  auto& s = run.Make<State<Throttle>>();
  for (const char* name : {"one", "two", "three"}) {
    run.Thread(name, [&s] { s.Call(kNow); });
  }
  run.Finally([&s] {
    SLUICE_CHECK(s.passed == 1);
    s.Call(kNow + kInterval);
    SLUICE_CHECK(s.passed == 2 && s.told == kCallers - 1);
  });
}

// The next interval begins meanwhile: no message is counted twice, and none is forgotten.
template <typename Throttle>
void NextInterval(Execution& run) {
  auto& s = run.Make<State<Throttle>>();
  s.Call(kNow);
  run.Thread("early", [&s] { s.Call(kNow + 1ns); });
  run.Thread("one", [&s] { s.Call(kNow + kInterval); });
  run.Thread("two", [&s] { s.Call(kNow + kInterval); });
  run.Finally([&s] {
    SLUICE_CHECK(s.passed == 2);
    s.Call(kNow + 2 * kInterval);
    SLUICE_CHECK(s.passed == 3 && s.told == kCallers - 1);
  });
}

using Real = core::LogThrottle;

TEST(LogThrottle, AtOnce) { ExpectHolds(AtOnce<Real>); }
TEST(LogThrottle, NextInterval) { ExpectHolds(NextInterval<Real>); }

TEST(LogThrottleMutant, TwoPass) { ExpectFails(AtOnce<LoadThenStore>); }
TEST(LogThrottleMutant, CountsAreLost) { ExpectFails(NextInterval<LoadThenStore>); }

}  // namespace
}  // namespace sluice::model
