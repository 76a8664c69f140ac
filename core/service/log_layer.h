// LogLayer: a line for each request: how it ended, how long it took and how long it had to wait.
//
//     LogLayer("fetch", [&](std::string_view line) { logger.Write(LogLevel::kInfo, line); })
//
//     fetch: ok in 12ms, ready after 0ns
//     fetch: Connection timed out in 10s, ready after 1.5s
//     fetch: not ready after 0ns: Resource temporarily unavailable
//
// What a layer outside of it does is not seen: with a retry before it there is a line for each
// attempt. `write` is called by the tasks that ask, also at the same time: it must not block.
// A call that throws has no line: its exception is told where it arrives.
// Threads: see service.h.
// Checked by: tests/core/service/service_test.cc, tests/core/service/order_test.cc.
#ifndef SLUICE_CORE_SERVICE_LOG_LAYER_H_
#define SLUICE_CORE_SERVICE_LOG_LAYER_H_

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/service/service.h"
#include "core/task/task.h"
#include "core/time/now.h"

namespace sluice::core {

namespace internal {

inline std::string ErrorText(int error) {
  return error == 0 ? "ok" : std::generic_category().message(error);
}
inline std::string DurationText(Duration duration) {
  return absl::FormatDuration(absl::FromChrono(duration));
}

template <HasReady S, typename Write>
class LogService {
 public:
  struct Ticket {
    ServiceTicket<S> inner;
    Duration waited;
  };

  LogService(S inner, std::string name, Write write)
      : inner_(std::move(inner)), name_(std::move(name)), write_(std::move(write)) {}

  Task<IoResult<Ticket>> Ready() {
    const Instant begin = Now();
    IoResult<ServiceTicket<S>> ready = co_await inner_.Ready();
    const Duration waited = Now() - begin;
    if (ready.ok()) co_return Ticket{std::move(*ready), waited};
    write_(absl::StrCat(name_, ": not ready after ", DurationText(waited), ": ",
                        ErrorText(ready.error())));
    co_return IoError(ready.error());
  }

  template <typename Request>
    requires Service<S, Request>
  Task<ServiceResponse<S, Request>> Call(Ticket ticket, Request request) {
    const Instant begin = Now();
    ServiceResponse<S, Request> response =
        co_await inner_.Call(std::move(ticket.inner), std::move(request));
    write_(absl::StrCat(name_, ": ", ErrorText(response.error()), " in ",
                        DurationText(Now() - begin), ", ready after ",
                        DurationText(ticket.waited)));
    co_return std::move(response);
  }

 private:
  S inner_;
  const std::string name_;
  Write write_;
};

}  // namespace internal

// `write(std::string_view)`.
template <typename Write>
class LogLayer {
 public:
  LogLayer(std::string_view name, Write write) : name_(name), write_(std::move(write)) {}

  template <internal::HasReady S>
  auto Of(S inner) && {
    return internal::LogService<S, Write>(std::move(inner), std::move(name_), std::move(write_));
  }

 private:
  std::string name_;
  Write write_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SERVICE_LOG_LAYER_H_
