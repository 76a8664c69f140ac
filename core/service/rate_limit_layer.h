// RateLimitLayer: at most so many calls per second; the others wait until they are ready.
//
//     Layers().With(RateLimitLayer(100)).Around(service)         // 100 per second
//
// The calls are spread over the second: after a pause, those of 50 ms may come at once
// (core/time/token_bucket.h). Callers take their turns in the order in which they came. The layers
// inside are ready first, and a turn is for a call at once: whatever they waited for, turns do not
// pile up behind it, to be used all together. So what they hold for a call, a permit, is held while
// its turn is waited for. A Ready that is cut short gives its turn back; a turn that has come and
// is not used is lost, as at that rate another may have begun already. Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_RATE_LIMIT_LAYER_H_
#define SLUICE_CORE_SERVICE_RATE_LIMIT_LAYER_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/service/service.h"
#include "core/task/task.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/token_bucket.h"

namespace sluice::core {

namespace internal {

template <HasReady S>
class RateLimitService {
 public:
  using Ticket = ServiceTicket<S>;

  RateLimitService(S inner, uint64_t per_second)
      : inner_(std::move(inner)), bucket_(std::make_unique<TokenBucket>(per_second)) {}

  Task<IoResult<Ticket>> Ready() {
    IoResult<Ticket> ready = co_await inner_.Ready();
    if (!ready.ok()) co_return IoError(ready.error());
    const Duration wait = bucket_->Take(Now(), 1);
    if (wait > 0ns && !co_await Sleep(wait)) {
      bucket_->GiveBack();
      co_return IoError(ECANCELED);
    }
    co_return std::move(ready);
  }

  template <typename Request>
    requires Service<S, Request>
  auto Call(Ticket ticket, Request request) {
    return inner_.Call(std::move(ticket), std::move(request));
  }

 private:
  S inner_;
  std::unique_ptr<TokenBucket> bucket_;
};

}  // namespace internal

class RateLimitLayer {
 public:
  explicit RateLimitLayer(uint64_t per_second) : per_second_(per_second) {
    SLUICE_CHECK_USE(per_second > 0, "a rate of 0 lets no call begin: give it at least 1");
  }

  template <internal::HasReady S>
  auto Of(S inner) const {
    return internal::RateLimitService<S>(std::move(inner), per_second_);
  }

 private:
  uint64_t per_second_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_RATE_LIMIT_LAYER_H_
