#include "tests/sim/wall_clock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "core/base/check.h"

namespace sluice::sim {
namespace {

const WallClock* current = nullptr;

}  // namespace

WallClock::WallClock(const core::Clock& clock) : clock_(clock) {
  SLUICE_CHECK(current == nullptr);
  current = this;
}

WallClock::~WallClock() { current = nullptr; }

const WallClock* WallClock::Current() { return current; }

}  // namespace sluice::sim

// In the place of the C library's.
extern "C" int clock_gettime(clockid_t id, timespec* time) noexcept {
  const sluice::sim::WallClock* wall = sluice::sim::WallClock::Current();
  if (id != CLOCK_REALTIME || wall == nullptr) {
    return static_cast<int>(syscall(SYS_clock_gettime, id, time));
  }
  const auto second = std::chrono::floor<std::chrono::seconds>(wall->Now());
  time->tv_sec = second.time_since_epoch().count();
  time->tv_nsec = (wall->Now() - second).count();
  return 0;
}
