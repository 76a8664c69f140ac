// RateLimitLayer: at most so many calls per second; the others wait until they are ready.
//
//     Layers().With(RateLimitLayer(100)).Around(service)         // 100 per second
//
// The calls are spread over the second: after a pause, those of 50 ms may come at once
// (core/time/token_bucket.h). Callers take their turns in the order in which they came. A turn that
// is not used is given back: a Ready that was cut short, a ticket that goes without a Call.
// Threads: see service.h.
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

// A token that has been taken; goes back unless it is used.
class [[nodiscard]] TakenToken {
 public:
  explicit TakenToken(TokenBucket& bucket) : bucket_(&bucket) {}
  TakenToken(TakenToken&& other) noexcept : bucket_(std::exchange(other.bucket_, nullptr)) {}
  TakenToken& operator=(TakenToken&& other) noexcept {
    std::swap(bucket_, other.bucket_);
    return *this;
  }
  ~TakenToken() {
    if (bucket_ != nullptr) bucket_->GiveBack();
  }
  void Use() { bucket_ = nullptr; }

 private:
  TokenBucket* bucket_;
};

template <HasReady S>
class RateLimitService {
 public:
  struct Ticket {
    ServiceTicket<S> inner;
    TakenToken token;
  };

  RateLimitService(S inner, uint64_t per_second)
      : inner_(std::move(inner)), bucket_(std::make_unique<TokenBucket>(per_second)) {}

  Task<IoResult<Ticket>> Ready() {
    const Duration wait = bucket_->Take(Now(), 1);
    TakenToken token(*bucket_);
    if (wait > 0ns && !co_await Sleep(wait)) co_return IoError(ECANCELED);
    IoResult<ServiceTicket<S>> ready = co_await inner_.Ready();
    if (!ready.ok()) co_return IoError(ready.error());
    co_return Ticket{std::move(*ready), std::move(token)};
  }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    ticket.token.Use();
    co_return co_await inner_.Call(std::move(ticket.inner), std::move(request));
  }

 private:
  S inner_;
  std::unique_ptr<TokenBucket> bucket_;  // tickets know where it is
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
