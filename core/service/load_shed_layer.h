// LoadShedLayer: what would have to wait is answered with EAGAIN instead, at once.
//
//     Layers().With(LoadShedLayer()).With(ConcurrencyLimitLayer(100)).Around(service)
//
// The layers inside are asked whether they are ready; if they have to wait, that is cut short.
// Other tasks of the worker run once before the answer is no: a layer that has just given way to
// them is not taken for one that waits. Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_LOAD_SHED_LAYER_H_
#define SLUICE_CORE_SERVICE_LOAD_SHED_LAYER_H_

#include <cerrno>
#include <coroutine>
#include <utility>

#include "core/base/result.h"
#include "core/service/service.h"
#include "core/task/select.h"
#include "core/task/select_ordered.h"
#include "core/task/task.h"
#include "core/task/yield.h"

namespace sluice::core {

namespace internal {

// Ends at once.
struct AtOnce {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

template <HasReady S>
class LoadShedService {
 public:
  using Ticket = ServiceTicket<S>;

  explicit LoadShedService(S inner) : inner_(std::move(inner)) {}

  Task<IoResult<Ticket>> Ready() {
    const Context context = co_await CurrentContext();
    for (int tries = 0;; ++tries) {
      auto outcome = co_await SelectBiased(Named<"ready">(inner_.Ready()), Named<"now">(AtOnce()));
      IoResult<Ticket>& ready = *outcome.template Get<"ready">();
      if (ready.ok() || ready.error() != ECANCELED) co_return std::move(ready);
      if (context.scope->cancelled()) co_return IoError(ECANCELED);
      if (tries > 0) co_return IoError(EAGAIN);
      co_await Yield();
    }
  }

  template <typename Request>
    requires Service<S, Request>
  auto Call(Ticket ticket, Request request) {
    return inner_.Call(std::move(ticket), std::move(request));
  }

 private:
  S inner_;
};

}  // namespace internal

class LoadShedLayer {
 public:
  template <internal::HasReady S>
  auto Of(S inner) const {
    return internal::LoadShedService<S>(std::move(inner));
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_LOAD_SHED_LAYER_H_
