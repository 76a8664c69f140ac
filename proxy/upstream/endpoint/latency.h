// Latency: how long an endpoint takes to answer, as a mean in which a longer time counts at once
// and a shorter one little by little ("peak EWMA", see balance/fastest.h).
// Threads: one at a time: EndpointQueue's lock.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_LATENCY_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_LATENCY_H_

#include <algorithm>
#include <cmath>

#include "core/base/time.h"

namespace sluice::proxy {

class Latency {
 public:
  // After this long without a sample, or of shorter ones, 1/e of a mean is left.
  static constexpr core::Duration kDecay = std::chrono::seconds(10);

  bool is_known() const { return mean_ > 0; }

  void Add(core::Duration sample, core::Instant now) {
    const auto nanos = static_cast<double>(std::max(sample, core::Duration(1)).count());
    const double share = Left(now);
    mean_ = nanos >= mean_ ? nanos : mean_ * share + nanos * (1 - share);
    at_ = std::max(at_, now);
  }
  // In nanoseconds, as faded as it is by now.
  double At(core::Instant now) const { return mean_ * Left(now); }

 private:
  double Left(core::Instant now) const {
    const auto passed = static_cast<double>(std::max(now - at_, core::Duration(0)).count());
    return std::exp(-passed / static_cast<double>(kDecay.count()));
  }

  double mean_ = 0;  // nanoseconds; 0: nothing is known
  core::Instant at_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_LATENCY_H_
