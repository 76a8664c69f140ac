// Service: something that is asked, and may not be ready to be: a function with backpressure;
// ServiceOf: one of a function; Layers: what is put around one, in order.
//
//     auto service = Layers()
//                        .With(TimeoutLayer(10s))            // the first one is the outermost
//                        .With(ConcurrencyLimitLayer(5))
//                        .Around(ServiceOf([&](const Url& url) { return client.Get(url); }));
//     IoResult<Page> page = co_await Ask(service, url);
//
// The function takes a reference: what it returns is awaited after the call, and a Get that refers
// to its argument would outlive a parameter by value. The request lives until the answer is there.
//
// Asking is two steps, so that what has to be waited for is waited for before the request is given
// away, and a caller that cannot wait finds out (load_shed_layer.h):
//
//   Ready ──┬── it may be asked ──► a ticket ── Call(ticket, request) ──► IoResult<Response>
//           └── an error               └── or the ticket goes: what it holds is given back
//
// A ticket holds what each layer has set aside for one call, such as a permit. It is a value, and
// goes with whatever holds it: a Ready or a Call that is cut short gives all of it back.
// (In Tower, whose words these are, it is kept in the service, which then belongs to one caller.)
//
// Order: a request passes the layers as they are written, a response the other way. So a timeout
// before a limit counts the waiting for a permit, one behind it does not; a retry before a limit
// gives its permit back between the attempts. tests/core/service/order_test.cc shows pairs.
//
// Errors are errno values, and so is what a layer has to say: ETIMEDOUT, EACCES, EAGAIN (not ready
// at once), ECANCELED. A response is an IoResult; exceptions go through.
//
// A layer of one's own is a class with `Of(S inner)`, which makes a service with Ready and Call.
// Costs: a coroutine for each layer and step; no allocation in the steady state.
// Threads: any number of tasks on any workers may ask a service at the same time, if the function
// under it allows that, and those that layers are given (allows, again). A service outlives its
// tickets. It is moved before it is asked.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_SERVICE_H_
#define SLUICE_CORE_SERVICE_SERVICE_H_

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/base/result.h"
#include "core/task/awaitable.h"
#include "core/task/gave_up.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <typename T>
struct ResultValueOf;
template <typename T>
struct ResultValueOf<IoResult<T>> {
  using type = T;
};

template <typename A>
concept BringsResult = Awaitable<A> && kIsIoResult<AwaitValue<A>>;

template <typename S>
concept HasReady = requires(S& service) {
  { service.Ready() } -> BringsResult;
};

}  // namespace internal

// What its Ready brings.
template <internal::HasReady S>
using ServiceTicket =
    typename internal::ResultValueOf<AwaitValue<decltype(std::declval<S&>().Ready())>>::type;

template <typename S, typename Request>
concept Service =
    internal::HasReady<S> && requires(S& service, ServiceTicket<S> ticket, Request request) {
      { service.Call(std::move(ticket), std::move(request)) } -> internal::BringsResult;
    };

// An IoResult.
template <typename S, typename Request>
  requires Service<S, Request>
using ServiceResponse = AwaitValue<decltype(std::declval<S&>().Call(
    std::declval<ServiceTicket<S>>(), std::declval<Request>()))>;

// Ready, and then Call.
template <typename S, typename Request>
  requires Service<S, Request>
Task<ServiceResponse<S, Request>> Ask(S& service, Request request) {
  IoResult<ServiceTicket<S>> ready = co_await service.Ready();
  if (!ready.ok()) co_return IoError(ready.error());
  co_return co_await service.Call(std::move(*ready), std::move(request));
}

// The ticket of a service that is always ready.
struct NoTicket {};

namespace internal {

template <typename F>
class FunctionService {
 public:
  explicit FunctionService(F function) : function_(std::move(function)) {}

  Task<IoResult<NoTicket>> Ready() { co_return NoTicket(); }

  template <typename Request>
    requires BringsResult<std::invoke_result_t<F&, Request>>
  Task<AwaitValue<std::invoke_result_t<F&, Request>>> Call(NoTicket, Request request) {
    co_return co_await std::invoke(function_, std::move(request));
  }

 private:
  F function_;
};

}  // namespace internal

// `function(Request)` brings something to await that brings an IoResult.
template <typename F>
auto ServiceOf(F function) {
  return internal::FunctionService<F>(std::move(function));
}

template <typename... L>
class [[nodiscard]] Layers {
 public:
  explicit Layers(L... layers) : layers_(std::move(layers)...) {}

  // One more, inside of those that there are.
  template <typename Layer>
  auto With(Layer layer) && {
    return std::apply(
        [&layer](auto&... before) {
          return Layers<L..., Layer>(std::move(before)..., std::move(layer));
        },
        layers_);
  }

  // The service with all of them around it.
  template <internal::HasReady S>
  auto Around(S service) && {
    return Wrap<sizeof...(L)>(std::move(service));
  }

 private:
  template <size_t kLeft, typename S>
  auto Wrap(S service) {
    if constexpr (kLeft == 0) {
      return service;
    } else {
      return Wrap<kLeft - 1>(std::move(std::get<kLeft - 1>(layers_)).Of(std::move(service)));
    }
  }

  std::tuple<L...> layers_;
};
Layers() -> Layers<>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_SERVICE_H_
