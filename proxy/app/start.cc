#include "proxy/app/start.h"

#include <optional>
#include <utility>

namespace sluice::proxy {

using core::LogLevel;

absl::Status StartRuntime(core::Runtime& runtime, conf::Backend wanted, Backend& backend,
                          core::Logger& logger) {
  absl::Status status = runtime.Start();
  if (!status.ok()) {
    std::optional<Backend> other = FallBack(wanted, backend, status);
    if (!other) return status;
    runtime.UseReactors(other->make_reactor);
    status = runtime.Start();
    if (!status.ok()) return status;
    backend = *std::move(other);
  }
  if (!backend.warning.empty()) logger.Log(LogLevel::kWarn, "%s", backend.warning);
  logger.Log(LogLevel::kInfo, "starting: backend %s, %d workers", backend.name,
             runtime.handle().workers());
  return absl::OkStatus();
}

}  // namespace sluice::proxy
