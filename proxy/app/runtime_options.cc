#include "proxy/app/runtime_options.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "conf/text/units.h"
#include "core/reactor/buffer_pool.h"
#include "proxy/app/descriptors.h"
#include "proxy/memory/allocator.h"
#include "proxy/memory/buffer_budget.h"

namespace sluice::proxy {
namespace {

static_assert(static_cast<int>(conf::Backend::kAuto) == static_cast<int>(core::Backend::kAuto));
static_assert(static_cast<int>(conf::Backend::kIoUring) ==
              static_cast<int>(core::Backend::kIoUring));
static_assert(static_cast<int>(conf::Backend::kEpoll) == static_cast<int>(core::Backend::kEpoll));

std::string FewerWorkers(const conf::Config& config, uint32_t workers, uint32_t wanted) {
  return absl::StrCat("limits.buffer_memory ", conf::FormatSize(config.limits.buffer_memory_bytes),
                      " is enough for the buffers of ", workers, " workers: there are ", workers,
                      " instead of ", wanted);
}

std::string FewerSessions(const conf::Config& config, uint32_t workers, uint32_t sessions) {
  return absl::StrCat("limits.buffer_memory ", conf::FormatSize(config.limits.buffer_memory_bytes),
                      " holds for ", sessions, " connections (with ", workers,
                      workers == 1 ? " worker" : " workers", "): limits.max_connections ",
                      config.limits.max_connections,
                      " is beyond that, further ones are rejected (reason rejected_buffers)");
}

// Stacks, rings, pools, and the heaps that come with the threads.
uint64_t AddressSpace(const core::RuntimeOptions& options) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  constexpr uint64_t kThread = 2 * kMiB;   // half of it the stack; rings and caches have less
  constexpr uint64_t kHeap = 8 * kMiB;     // it begins with some of 2 MiB, each aligned to that
  constexpr uint64_t kOthers = 16 * kMiB;  // logs, and what all share
  const core::WorkerOptions& worker = options.worker;
  const uint64_t pools = worker.buffers * (worker.buffer_size + sizeof(core::Buffer)) +
                         worker.large_buffers * (worker.large_buffer_size + sizeof(core::Buffer));
  return options.workers * (kThread + pools) + std::min(options.workers, MostHeaps()) * kHeap +
         kOthers;
}

// A worker that a task has kept for longer has made others wait: that is worth a warning.
constexpr core::Duration kSlowPoll = 100ms;

}  // namespace

RuntimePlan PlanRuntime(const conf::Config& file, uint32_t cpus, const Descriptors& descriptors) {
  conf::Config config = file;
  RuntimePlan plan;
  const uint32_t wanted = config.runtime.workers == 0 ? cpus : config.runtime.workers;
  const uint32_t workers = std::min(wanted, MostWorkers(config));
  if (workers < wanted) plan.warnings.push_back(FewerWorkers(config, workers, wanted));
  plan.options.workers = workers;
  plan.options.pin_workers = config.runtime.pin_workers;
  plan.options.backend = static_cast<core::Backend>(config.runtime.backend);
  plan.options.watch.tasks = config.runtime.watch_tasks;
  plan.options.watch.slow_poll = kSlowPoll;
  plan.options.cancels_tasks = false;  // the server's task waits for all others
  core::WorkerOptions& worker = plan.options.worker;
  worker.spare_frames = 8;  // what an idle session takes counts for more than to begin one
  worker.busy_poll = config.runtime.busy_poll;
  worker.stealing = config.runtime.work_stealing;
  worker.steal_policy = core::StealPolicy::kOverdue;  // a session stays where its client arrived
  worker.make_heap = MakeThreadHeap;
  const bool is_auto = file.limits.max_connections == 0;
  if (is_auto) {
    config.limits.max_connections =
        DefaultConnections(NeedsOf(config, workers), descriptors.limit, descriptors.open);
  }
  const BufferPlan buffers = PlanBuffers(config, workers);
  if (is_auto) config.limits.max_connections = buffers.sessions;  // at most what has been asked for
  plan.max_connections = config.limits.max_connections;
  if (buffers.sessions < config.limits.max_connections) {
    plan.warnings.push_back(FewerSessions(config, workers, buffers.sessions));
  }
  plan.reserve_blocks = buffers.reserve_blocks;
  worker.buffer_size = buffers.buffer_size;
  worker.buffers = buffers.buffers;
  worker.large_buffer_size = buffers.large_buffer_size;
  worker.large_buffers = buffers.large_buffers;
  plan.address_space = AddressSpace(plan.options);
  return plan;
}

}  // namespace sluice::proxy
