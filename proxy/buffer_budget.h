// How many sessions limits.buffer_memory serves, whatever their peers do.
//
// A direction whose reader has stopped keeps what it has received in buffers of its size, at least
// kSmallestHolding. If every session that is admitted may have both of its directions stalled so
// and there is still a buffer for each that can move, nobody starves: beyond that number admission
// rejects new sessions (reason `buffers`) before anybody else has to wait for a buffer.
#ifndef SLUICE_PROXY_BUFFER_BUDGET_H_
#define SLUICE_PROXY_BUFFER_BUDGET_H_

#include <cstdint>

#include "conf/config.h"

namespace sluice::proxy {

// Bytes of buffers that a stalled direction holds when memory is short.
inline constexpr uint64_t kSmallestHolding = 2048;

// At least 1.
uint32_t SessionsThatFit(const conf::Config& config, uint32_t workers);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_BUFFER_BUDGET_H_
