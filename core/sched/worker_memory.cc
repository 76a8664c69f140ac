#include "core/sched/worker_memory.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

absl::StatusOr<std::unique_ptr<BufferPool>> MakePool(size_t count, size_t buffer_size,
                                                     const std::function<void()>& wake) {
  auto pool = std::make_unique<BufferPool>(count, buffer_size, wake);
  if (pool->reserved()) return pool;
  constexpr size_t kMiB = size_t{1} << 20;
  return absl::ResourceExhaustedError(absl::StrCat(
      "cannot reserve ", (count * buffer_size + kMiB - 1) / kMiB,
      " MiB of address space for the buffers of a worker (limits.buffer_memory; RLIMIT_AS)"));
}

}  // namespace

absl::Status WorkerMemory::ReserveBuffers(const WorkerOptions& options,
                                          const std::function<void()>& wake) {
  if (pool_ == nullptr) {
    absl::StatusOr<std::unique_ptr<BufferPool>> pool =
        MakePool(options.buffers, options.buffer_size, wake);
    if (!pool.ok()) return pool.status();
    pool_ = *std::move(pool);
    pool_->set_reserve(options.reserve);
  }
  if (large_pool_ != nullptr || options.large_buffers == 0) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<BufferPool>> large =
      MakePool(options.large_buffers, options.large_buffer_size, wake);
  if (!large.ok()) return large.status();
  large_pool_ = *std::move(large);
  pool_->set_large(large_pool_.get());
  return absl::OkStatus();
}

void WorkerMemory::Trim(Instant now, Reactor& reactor) {
  trimmed_at_ = now;
  if (BufferTrimPays()) {
    reactor.Trim();
    if (large_pool_ != nullptr) large_pool_->Trim();
  }
  if (HeapTrimPays()) {
    frames_.Trim();
    heap_->Trim();
  }
}

}  // namespace sluice::core
