// Backend: which reactor the workers get. The only place that names io_uring and epoll.
#ifndef SLUICE_PROXY_BACKEND_H_
#define SLUICE_PROXY_BACKEND_H_

#include <string>

#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/reactor.h"

namespace sluice::proxy {

struct Backend {
  std::string name;      // "io_uring" or "epoll"
  std::string features;  // what the kernel offers it, for --version --verbose
  std::string warning;   // why `auto` did not take io_uring; else empty
  core::ReactorFactory make_reactor;
};

// UNAVAILABLE, with the reason, when `io_uring` is asked for and cannot be had.
absl::StatusOr<Backend> ChooseBackend(conf::Backend wanted);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_BACKEND_H_
