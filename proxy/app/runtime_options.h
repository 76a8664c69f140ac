// From the configuration to the options of the runtime: workers, and how the buffer memory is cut.
#ifndef SLUICE_PROXY_APP_RUNTIME_OPTIONS_H_
#define SLUICE_PROXY_APP_RUNTIME_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "conf/config.h"
#include "core/runtime/runtime.h"

namespace sluice::proxy {

struct RuntimePlan {
  core::RuntimeOptions options;       // without the reserve of buffers
  size_t reserve_blocks = 0;          // of it
  uint64_t address_space = 0;         // bytes that the start of the workers takes, at most
  uint32_t max_connections = 0;       // limits.max_connections, or what auto stands for
  std::vector<std::string> warnings;  // what the configuration does not get
};

// The descriptors of this process.
struct Descriptors {
  uint64_t limit = 0;  // RLIMIT_NOFILE
  uint64_t open = 0;
};

// `cpus`: what `workers: auto` stands for. All buffers together never exceed limits.buffer_memory
// (buffer_budget.h): where it is too small for all workers, there are fewer, and a warning; and
// a warning where it is too small for limits.max_connections, unless that is auto.
RuntimePlan PlanRuntime(const conf::Config& config, uint32_t cpus, const Descriptors& descriptors);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_RUNTIME_OPTIONS_H_
