// The --demo upstream: a small HTTP server inside the process, and the configuration that proxies
// 127.0.0.1:8080 to it.
#ifndef SLUICE_PROXY_APP_DEMO_H_
#define SLUICE_PROXY_APP_DEMO_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/config.h"

namespace sluice::proxy {

class DemoUpstream {
 public:
  // Serves on a free port of 127.0.0.1, on a runtime and a thread of its own, until it is
  // destroyed.
  static absl::StatusOr<std::unique_ptr<DemoUpstream>> Start();
  virtual ~DemoUpstream() = default;
  virtual int port() const = 0;
};

conf::Config DemoConfig(int upstream_port);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_DEMO_H_
