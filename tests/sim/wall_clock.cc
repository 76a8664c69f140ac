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
  time->tv_sec = wall->Now() / sluice::core::kSecond;
  time->tv_nsec = wall->Now() % sluice::core::kSecond;
  return 0;
}
