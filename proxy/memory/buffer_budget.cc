#include "proxy/memory/buffer_budget.h"

#include <algorithm>

namespace sluice::proxy {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kSmall = 16384;
constexpr size_t kFewest = 2;  // buffers of a worker: one may be with the kernel
constexpr uint64_t kPerSession = 2 * kReserveBlock;

// A buffer's pages go back to the kernel on their own, so it has whole pages.
size_t WholePages(uint64_t bytes) { return std::max<uint64_t>(bytes / kPage * kPage, kPage); }

}  // namespace

BufferPlan PlanBuffers(const conf::Config& config, uint32_t workers) {
  const uint64_t memory = config.limits.buffer_memory_bytes;
  const uint64_t per_direction = WholePages(config.buffers.per_direction_bytes);
  BufferPlan plan;
  // With many workers and little memory the buffers are smaller: their fewest take a quarter of it.
  plan.buffer_size = std::min(
      {kSmall, static_cast<size_t>(per_direction), WholePages(memory / 4 / workers / kFewest)});
  const uint64_t fewest = plan.buffer_size * kFewest * workers;
  const uint64_t fit = (memory - fewest) / kPerSession;
  plan.sessions = static_cast<uint32_t>(
      std::clamp<uint64_t>(config.limits.max_connections, 1, std::max<uint64_t>(fit, 1)));
  plan.reserve_blocks = size_t{2} * plan.sessions;
  const uint64_t rest = (memory - plan.sessions * kPerSession) / workers;
  if (per_direction > plan.buffer_size) {
    plan.large_buffer_size = per_direction;
    plan.large_buffers = rest / 4 / per_direction;
  }
  plan.buffers = std::max<uint64_t>(
      (rest - plan.large_buffers * plan.large_buffer_size) / plan.buffer_size, kFewest);
  return plan;
}

uint32_t MostWorkers(const conf::Config& config) {
  const uint64_t most = config.limits.buffer_memory_bytes / 4 / (kFewest * kPage);
  return static_cast<uint32_t>(std::clamp<uint64_t>(most, 1, UINT32_MAX));
}

uint32_t SessionsThatFit(const conf::Config& config, uint32_t workers) {
  return PlanBuffers(config, workers).sessions;
}

}  // namespace sluice::proxy
