// Runs the tasks of a test on a runtime whose reactors have no descriptors.
#ifndef SLUICE_TESTS_CORE_SUPPORT_RUN_H_
#define SLUICE_TESTS_CORE_SUPPORT_RUN_H_

#include <cstdint>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/task/task.h"
#include "tests/core/support/null_reactor.h"

namespace sluice::core::testing {

// Makes no worker before it runs: `TestRuntime runtime(2); runtime.Run(Main(runtime));`
class TestRuntime {
 public:
  explicit TestRuntime(uint32_t workers, const WorkerOptions& options = Small(),
                       Shared::LostException lost = {})
      : runtime_({.workers = workers, .worker = options, .lost_exception = std::move(lost)}, clock_,
                 NullReactor::Factory()) {}

  void Run(Task<void> main) { SLUICE_CHECK(runtime_.Run(std::move(main)).ok()); }

  RuntimeHandle handle() { return runtime_.handle(); }
  Worker* worker(uint32_t index) { return &runtime_.handle().worker(index); }

  static WorkerOptions Small() { return {.buffers = 4, .buffer_size = 4096}; }

 private:
  MonotonicClock clock_;
  Runtime runtime_;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_RUN_H_
