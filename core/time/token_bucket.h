// TokenBucket: at most so many per second, for any number of threads, without a lock.
//
// The virtual scheduling form of the generic cell rate algorithm (ITU-T I.371): one number, the
// time at which the bucket will be full again (`full_at_`). Taking moves it on by the time that
// what is taken needs to flow in; a bucket may be at most `burst` behind. Times are a worker's
// clock. Threads: any. Checked by: tests/core/time/token_bucket_test.cc, tests/proxy,
// tests/model.
#ifndef SLUICE_CORE_TIME_TOKEN_BUCKET_H_
#define SLUICE_CORE_TIME_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/time.h"

namespace sluice::core {

class TokenBucket {
 public:
  // How much of a second's worth a bucket holds.
  static constexpr Duration kBurst = 50ms;

  // `per_second` 0: no limit. The bucket holds at least one token.
  explicit TokenBucket(uint64_t per_second)
      : per_second_(per_second), slack_(std::max<Duration>(0ns, kBurst - TimeFor(1))) {}

  bool limited() const { return per_second_ != 0; }
  uint64_t per_second() const { return per_second_; }

  // 0: `amount` has been taken. Else nothing has, and before that time has passed nothing will be.
  Duration TryTake(Instant now, uint64_t amount = 1) {
    if (!limited()) return 0ns;
    Instant full_at = full_at_.load(std::memory_order_relaxed);
    Instant begin;
    do {
      begin = std::max(full_at, now);
      if (begin - now > slack_) return begin - now - slack_;
    } while (!full_at_.compare_exchange_weak(full_at, begin + TimeFor(amount),
                                             std::memory_order_relaxed));
    return 0ns;
  }

  // Takes `amount` whatever there is; the caller waits that long before it uses it. A caller that
  // takes earlier waits less.
  Duration Take(Instant now, uint64_t amount) {
    if (!limited()) return 0ns;
    Instant full_at = full_at_.load(std::memory_order_relaxed);
    Instant begin;
    do {
      begin = std::max(full_at, now);
    } while (!full_at_.compare_exchange_weak(full_at, begin + TimeFor(amount),
                                             std::memory_order_relaxed));
    return std::max<Duration>(0ns, begin - now - slack_);
  }

  // What was taken and not used.
  void GiveBack(uint64_t amount = 1) {
    if (!limited()) return;
    Instant full_at = full_at_.load(std::memory_order_relaxed);
    while (!full_at_.compare_exchange_weak(full_at, full_at - TimeFor(amount),
                                           std::memory_order_relaxed)) {
    }
  }

 private:
  Duration TimeFor(uint64_t amount) const {
    if (per_second_ == 0) return 0ns;
    return Duration(
        static_cast<int64_t>(static_cast<double>(amount) * 1e9 / static_cast<double>(per_second_)));
  }

  const uint64_t per_second_;
  const Duration slack_;
  Atomic<Instant> full_at_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_TOKEN_BUCKET_H_
