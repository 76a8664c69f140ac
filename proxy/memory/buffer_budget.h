// BufferPlan: how limits.buffer_memory is divided, and how many sessions it serves whatever their
// peers do.
//
//   buffer_memory = reserve + workers x (small buffers + large buffers)
//
// The reserve has a block for each direction of each session: a direction that holds nothing can
// always read into one, so that every session that can move moves, however much the others hold
// (core/reactor/buffer_pool.h). Where the memory is too small for all of limits.max_connections,
// fewer sessions are admitted. What is left makes all of them fast; a quarter of it is for large
// buffers, as large as a direction may be, which bulk streams use one of each.
#ifndef SLUICE_PROXY_MEMORY_BUFFER_BUDGET_H_
#define SLUICE_PROXY_MEMORY_BUFFER_BUDGET_H_

#include <cstddef>
#include <cstdint>

#include "conf/config.h"

namespace sluice::proxy {

// Bytes of a block of the reserve.
inline constexpr size_t kReserveBlock = 2048;

struct BufferPlan {
  uint32_t sessions = 0;         // that the reserve has two blocks for; at least 1
  size_t reserve_blocks = 0;     // of the process
  size_t buffer_size = 0;        // bytes
  size_t buffers = 0;            // of a worker, at least 2
  size_t large_buffer_size = 0;  // bytes
  size_t large_buffers = 0;      // of a worker
};

// How many workers the memory is enough for, at least 1.
uint32_t MostWorkers(const conf::Config& config);

// `workers` are at most MostWorkers.
BufferPlan PlanBuffers(const conf::Config& config, uint32_t workers);

// PlanBuffers' `sessions`.
uint32_t SessionsThatFit(const conf::Config& config, uint32_t workers);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_MEMORY_BUFFER_BUDGET_H_
