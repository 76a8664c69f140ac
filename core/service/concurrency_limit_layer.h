// ConcurrencyLimitLayer: at most so many calls at a time; the others wait until they are ready.
//
//     Layers().With(ConcurrencyLimitLayer(5)).Around(service)
//
// A ticket holds a permit, from Ready to the end of the Call or until the ticket goes. Callers are
// served in the order in which they came. Cut short, a Ready holds none. Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_CONCURRENCY_LIMIT_LAYER_H_
#define SLUICE_CORE_SERVICE_CONCURRENCY_LIMIT_LAYER_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/service/service.h"
#include "core/sync/semaphore.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <HasReady S>
class ConcurrencyLimitService {
 public:
  struct Ticket {
    ServiceTicket<S> inner;
    Semaphore::Permit permit;
  };

  ConcurrencyLimitService(S inner, size_t most)
      : inner_(std::move(inner)), permits_(std::make_unique<Semaphore>(most)) {}

  Task<IoResult<Ticket>> Ready() {
    IoResult<Semaphore::Permit> permit = co_await permits_->Acquire();
    if (!permit.ok()) co_return IoError(permit.error());
    IoResult<ServiceTicket<S>> ready = co_await inner_.Ready();
    if (!ready.ok()) co_return IoError(ready.error());
    co_return Ticket{std::move(*ready), std::move(*permit)};
  }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    const Semaphore::Permit permit = std::move(ticket.permit);  // goes before the caller goes on
    co_return co_await inner_.Call(std::move(ticket.inner), std::move(request));
  }

 private:
  S inner_;
  std::unique_ptr<Semaphore> permits_;  // tickets know where it is
};

}  // namespace internal

class ConcurrencyLimitLayer {
 public:
  explicit ConcurrencyLimitLayer(size_t most) : most_(most) {
    SLUICE_CHECK_USE(most > 0, "a limit of 0 lets no call begin: give it at least 1");
  }

  template <internal::HasReady S>
  auto Of(S inner) const {
    return internal::ConcurrencyLimitService<S>(std::move(inner), most_);
  }

 private:
  size_t most_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_CONCURRENCY_LIMIT_LAYER_H_
