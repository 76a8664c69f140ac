// AuthLayer: a request that is not allowed is answered with EACCES, and goes no further.
//
//     AuthLayer([&](const Request& request) { return tokens.contains(request.token); })
//     AuthLayer([&](const Request& request) -> Task<bool> { ... })
//
// The request is seen only in the Call: what the layers inside hold for it is given back at once
// when it is not allowed. Put it first where that must not happen: a Ready of theirs is waited for
// all the same. A question that is awaited and cut short counts as no, and the answer is ECANCELED.
// Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_AUTH_LAYER_H_
#define SLUICE_CORE_SERVICE_AUTH_LAYER_H_

#include <cerrno>
#include <functional>
#include <type_traits>
#include <utility>

#include "core/base/result.h"
#include "core/service/service.h"
#include "core/task/awaitable.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <HasReady S, typename Allows>
class AuthService {
 public:
  using Ticket = ServiceTicket<S>;

  AuthService(S inner, Allows allows) : inner_(std::move(inner)), allows_(std::move(allows)) {}

  auto Ready() { return inner_.Ready(); }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    bool allowed = false;
    if constexpr (Awaitable<std::invoke_result_t<Allows&, const Request&>>) {
      allowed = co_await std::invoke(allows_, std::as_const(request));
    } else {
      allowed = std::invoke(allows_, std::as_const(request));
    }
    if (!allowed) {
      [[maybe_unused]] const Ticket unused(std::move(ticket));  // goes before the caller goes on
      const Context context = co_await CurrentContext();
      co_return IoError(context.scope->cancelled() ? ECANCELED : EACCES);
    }
    co_return co_await inner_.Call(std::move(ticket), std::move(request));
  }

 private:
  S inner_;
  Allows allows_;
};

}  // namespace internal

// `allows(const Request&)` returns true or false, or something to await that brings it.
template <typename Allows>
class AuthLayer {
 public:
  explicit AuthLayer(Allows allows) : allows_(std::move(allows)) {}

  template <internal::HasReady S>
  auto Of(S inner) && {
    return internal::AuthService<S, Allows>(std::move(inner), std::move(allows_));
  }

 private:
  Allows allows_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_AUTH_LAYER_H_
