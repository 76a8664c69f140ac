// Spread: how many of the sessions that are left to end now, so that their ends are spread over a
// time. Pure.
//
//   left
//    N ─ \                        at each look: left * time since the last look / time that is left
//          \   with no session that ends by itself this is a line; those that do make it flatter
//    0 ─     \___
//        begin    begin + window
//
// Looks come at random distances, and what is less than one session is decided by chance, so that
// the ends of two processes that began together do not fall together.
// Checked by: tests/proxy/server/spread_test.cc.
#ifndef SLUICE_PROXY_SERVER_SPREAD_H_
#define SLUICE_PROXY_SERVER_SPREAD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/random.h"
#include "core/base/time.h"

namespace sluice::proxy {

class Spread {
 public:
  Spread(core::Instant begin, core::Duration window, uint64_t seed)
      : end_(begin + window),
        pause_(std::clamp<core::Duration>(window / kLooks, 5ms, 100ms)),
        looked_at_(begin),
        random_(seed) {}

  // Until the next look.
  core::Duration NextPause() {
    random_ = core::Mix(random_ + 1);
    return pause_ / 2 + core::Jitter(pause_, random_);
  }

  // `left`: how many there are at `now`, when it is looked. From the end on all of them are due.
  size_t Due(size_t left, core::Instant now) {
    const core::Duration passed = now - looked_at_;
    const core::Duration until_end = end_ - looked_at_;
    looked_at_ = now;
    if (now >= end_ || until_end <= passed) return left;
    const double exact = static_cast<double>(left) * static_cast<double>(passed.count()) /
                         static_cast<double>(until_end.count());
    random_ = core::Mix(random_ + 1);
    const double chance = static_cast<double>(random_ >> 11) / static_cast<double>(1ull << 53);
    return std::min(left, static_cast<size_t>(exact + chance));
  }

 private:
  static constexpr int kLooks = 200;

  const core::Instant end_;
  const core::Duration pause_;
  core::Instant looked_at_;
  uint64_t random_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SPREAD_H_
