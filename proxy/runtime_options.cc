#include "proxy/runtime_options.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "conf/units.h"
#include "proxy/allocator.h"

namespace sluice::proxy {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kSmall = 16384;
constexpr size_t kLeastBuffers = 2;     // of a worker: one for each direction of a session
constexpr size_t kGoodBuffers = 16;     // of a worker: with fewer of them they get smaller
constexpr size_t kMostBuffers = 65536;  // of a pool: an index has 16 bits

// A buffer's pages go back to the kernel on their own, so it has whole pages.
size_t WholePages(size_t bytes) { return std::max(bytes / kPage * kPage, kPage); }

// A quarter of the memory is for large buffers, as large as a direction may be: bulk streams use
// one each, and when many stall the small ones are left for everybody else.
void CutBuffers(size_t memory, size_t per_direction, core::WorkerOptions& options) {
  const size_t small = std::min(kSmall, WholePages(per_direction));
  options.buffer_size = std::min(small, WholePages(memory / kGoodBuffers));
  options.large_buffer_size = WholePages(per_direction);
  if (options.large_buffer_size > kSmall) {
    options.large_buffers = std::min(memory / 4 / options.large_buffer_size, kMostBuffers);
  }
  const size_t rest = memory - options.large_buffers * options.large_buffer_size;
  options.buffers = std::clamp(rest / options.buffer_size, kLeastBuffers, kMostBuffers);
}

}  // namespace

RuntimePlan PlanRuntime(const conf::Config& config, uint32_t cpus) {
  RuntimePlan plan;
  const size_t memory = config.limits.buffer_memory_bytes;
  const uint32_t wanted = config.runtime.workers == 0 ? cpus : config.runtime.workers;
  const size_t most = std::max<size_t>(memory / (kLeastBuffers * kPage), 1);
  const uint32_t workers = static_cast<uint32_t>(std::min<size_t>(wanted, most));
  if (workers < wanted) {
    plan.warning =
        absl::StrCat("limits.buffer_memory ", conf::FormatSize(memory), " is enough for ", workers,
                     " workers, each with ", kLeastBuffers, " buffers of ", conf::FormatSize(kPage),
                     ": there are ", workers, " instead of ", wanted);
  }
  plan.options.workers = workers;
  plan.options.pin_workers = config.runtime.pin_workers;
  core::WorkerOptions& worker = plan.options.worker;
  worker.busy_poll =
      std::chrono::duration_cast<std::chrono::nanoseconds>(config.runtime.busy_poll).count();
  worker.stealing = config.runtime.work_stealing;
  worker.make_heap = MakeThreadHeap;
  CutBuffers(memory / workers, config.buffers.per_direction_bytes, worker);
  return plan;
}

}  // namespace sluice::proxy
