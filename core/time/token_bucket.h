// TokenBucket: at most so many per second, for any number of threads, without a lock.
//
// The virtual scheduling form of the generic cell rate algorithm (ITU-T I.371): one number, the
// time at which the bucket will be full again (`full_at_`). Taking moves it on by the time that
// what is taken needs to flow in; a bucket may be at most `burst` behind. Times are a worker's
// clock in nanoseconds. Threads: any. Checked by: tests/proxy, tests/model.
#ifndef SLUICE_CORE_TIME_TOKEN_BUCKET_H_
#define SLUICE_CORE_TIME_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/clock.h"

namespace sluice::core {

class TokenBucket {
 public:
  // How much of a second's worth a bucket holds.
  static constexpr Nanos kBurst = 50 * kMillisecond;

  // `per_second` 0: no limit. The bucket holds at least one token.
  explicit TokenBucket(uint64_t per_second)
      : per_second_(per_second), slack_(std::max<Nanos>(0, kBurst - TimeFor(1))) {}

  bool limited() const { return per_second_ != 0; }
  uint64_t per_second() const { return per_second_; }

  // 0: `amount` has been taken. Else nothing has, and before that time has passed nothing will be.
  Nanos TryTake(Nanos now, uint64_t amount = 1) {
    if (!limited()) return 0;
    Nanos full_at = full_at_.load(std::memory_order_relaxed);
    Nanos begin;
    do {
      begin = std::max(full_at, now);
      if (begin - now > slack_) return begin - now - slack_;
    } while (!full_at_.compare_exchange_weak(full_at, begin + TimeFor(amount),
                                             std::memory_order_relaxed));
    return 0;
  }

  // Takes `amount` whatever there is; the caller waits that long before it uses it. A caller that
  // takes earlier waits less.
  Nanos Take(Nanos now, uint64_t amount) {
    if (!limited()) return 0;
    Nanos full_at = full_at_.load(std::memory_order_relaxed);
    Nanos begin;
    do {
      begin = std::max(full_at, now);
    } while (!full_at_.compare_exchange_weak(full_at, begin + TimeFor(amount),
                                             std::memory_order_relaxed));
    return std::max<Nanos>(0, begin - now - slack_);
  }

  // What was taken and not used.
  void GiveBack(uint64_t amount = 1) {
    if (limited()) full_at_.fetch_sub(TimeFor(amount), std::memory_order_relaxed);
  }

 private:
  Nanos TimeFor(uint64_t amount) const {
    if (per_second_ == 0) return 0;
    return static_cast<Nanos>(static_cast<double>(amount) * 1e9 / static_cast<double>(per_second_));
  }

  const uint64_t per_second_;
  const Nanos slack_;
  Atomic<Nanos> full_at_{0};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_TOKEN_BUCKET_H_
