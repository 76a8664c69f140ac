// TimeoutLayer: a request is answered in time, or with ETIMEDOUT.
//
//     Layers().With(TimeoutLayer(10s)).Around(service)
//
// The time runs from the beginning of Ready, so it counts the waiting for the layers inside, too.
// What does not end in time is cancelled and waited for: it has ended when ETIMEDOUT comes, also by
// throwing Cancelled, and an answer that was on its way is handed over. Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_TIMEOUT_LAYER_H_
#define SLUICE_CORE_SERVICE_TIMEOUT_LAYER_H_

#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/service/service.h"
#include "core/task/task.h"
#include "core/time/now.h"
#include "core/time/timeout.h"

namespace sluice::core {

namespace internal {

template <HasReady S>
class TimeoutService {
 public:
  struct Ticket {
    ServiceTicket<S> inner;
    Instant end_at;
  };

  TimeoutService(S inner, Duration timeout) : inner_(std::move(inner)), timeout_(timeout) {}

  Task<IoResult<Ticket>> Ready() {
    const Instant end_at = Now() + timeout_;
    IoResult<ServiceTicket<S>> ready = co_await core::WithTimeout(timeout_, inner_.Ready());
    if (!ready.ok()) co_return IoError(ready.error());
    co_return Ticket{std::move(*ready), end_at};
  }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    const Duration left = ticket.end_at - Now();
    if (left <= 0ns) {                                        // the ticket was held for too long
      [[maybe_unused]] const Ticket late(std::move(ticket));  // goes before the caller goes on
      co_return IoError(ETIMEDOUT);
    }
    co_return co_await core::WithTimeout(left,
                                         inner_.Call(std::move(ticket.inner), std::move(request)));
  }

 private:
  S inner_;
  const Duration timeout_;
};

}  // namespace internal

class TimeoutLayer {
 public:
  explicit TimeoutLayer(Duration timeout) : timeout_(timeout) {
    SLUICE_CHECK_USE(timeout > 0ns, "leave the TimeoutLayer out where there is no timeout");
  }

  template <internal::HasReady S>
  auto Of(S inner) const {
    return internal::TimeoutService<S>(std::move(inner), timeout_);
  }

 private:
  Duration timeout_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_TIMEOUT_LAYER_H_
