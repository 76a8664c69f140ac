// Backend: which reactor the workers get. The only place that names io_uring and epoll.
#ifndef SLUICE_PROXY_APP_BACKEND_H_
#define SLUICE_PROXY_APP_BACKEND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/reactor/reactor.h"

namespace sluice::proxy {

struct Backend {
  std::string name;      // "io_uring" or "epoll"
  std::string features;  // what the kernel offers it, for --version --verbose
  std::string warning;   // why `auto` did not take io_uring; else empty
  core::ReactorFactory make_reactor;
};

// Descriptors with larger numbers no backend can take.
inline constexpr uint64_t kMaxDescriptors = uint64_t{1} << 25;

// UNAVAILABLE, with the reason, when `io_uring` is asked for and cannot be had; so are the errors
// of its make_reactor.
absl::StatusOr<Backend> ChooseBackend(conf::Backend wanted);

// What takes the place of `chosen`, whose reactors could not be made because of `reason`. None when
// `wanted` leaves no choice, or another backend would meet the same want.
std::optional<Backend> FallBack(conf::Backend wanted, const Backend& chosen,
                                const absl::Status& reason);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_BACKEND_H_
