// RetryLayer: a request is asked again when its answer is worth it.
//
//     Layers().With(RetryLayer({.limit = RetryLimit::Attempts(3)})).Around(service)
//     RetryLayer(backoff, [](const auto& response) { return response.error() == ECONNREFUSED; })
//
// Pauses and limits are those of Retry (core/combine/retry.h). Before each attempt the layers
// inside are asked whether they are ready: what they hold for one is given back before the pause.
// Without a predicate every error is worth a retry but ECANCELED. The request is copied for each
// attempt. Cut short, no attempt follows. Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_RETRY_LAYER_H_
#define SLUICE_CORE_SERVICE_RETRY_LAYER_H_

#include <cerrno>
#include <optional>
#include <utility>

#include "core/base/result.h"
#include "core/combine/retry.h"
#include "core/service/service.h"
#include "core/task/task.h"

namespace sluice::core {

// Whether it has failed, other than by being cut short.
struct HasFailed {
  template <typename T>
  bool operator()(const IoResult<T>& response) const {
    return !response.ok() && response.error() != ECANCELED;
  }
};

namespace internal {

template <HasReady S, typename Again>
class RetryService {
 public:
  using Ticket = ServiceTicket<S>;

  RetryService(S inner, const Backoff& backoff, Again again)
      : inner_(std::move(inner)), backoff_(backoff), again_(std::move(again)) {}

  auto Ready() { return inner_.Ready(); }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    std::optional<Ticket> first(std::move(ticket));
    co_return co_await core::Retry(
        backoff_, [&] { return Attempt(first, request); },
        [this](const auto& response) { return again_(response); });
  }

 private:
  // The first attempt has a ticket.
  template <typename Request>
  Task<ServiceResponse<S, Request>> Attempt(std::optional<Ticket>& first, const Request& request) {
    if (!first.has_value()) {
      IoResult<Ticket> ready = co_await inner_.Ready();
      if (!ready.ok()) co_return IoError(ready.error());
      first.emplace(std::move(*ready));
    }
    Ticket ticket(*std::move(first));
    first.reset();
    co_return co_await inner_.Call(std::move(ticket), Request(request));
  }

  S inner_;
  const Backoff backoff_;
  Again again_;
};

}  // namespace internal

// `again(const IoResult<Response>&)` returns true if that is worth another attempt.
template <typename Again = HasFailed>
class RetryLayer {
 public:
  explicit RetryLayer(const Backoff& backoff, Again again = {})
      : backoff_(backoff), again_(std::move(again)) {}

  template <internal::HasReady S>
  auto Of(S inner) && {
    return internal::RetryService<S, Again>(std::move(inner), backoff_, std::move(again_));
  }

 private:
  Backoff backoff_;
  Again again_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_RETRY_LAYER_H_
