// Gives a runtime its backend: the one that was chosen, or the one that `auto` falls back to.
#ifndef SLUICE_PROXY_APP_START_H_
#define SLUICE_PROXY_APP_START_H_

#include "absl/status/status.h"
#include "conf/config.h"
#include "core/log/logger.h"
#include "core/runtime/runtime.h"
#include "proxy/app/backend.h"

namespace sluice::proxy {

// Starts `runtime` with the reactors of `backend`. The probe of io_uring makes one small ring; the
// workers need many large ones, and some of them may fail. Under `auto` all workers then get
// the other backend, which `backend` becomes, with one warning. Logs what has been started.
absl::Status StartRuntime(core::Runtime& runtime, conf::Backend wanted, Backend& backend,
                          core::Logger& logger);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_START_H_
