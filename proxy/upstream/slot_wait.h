// WaitForSlot: waits in an upstream's queue for a free slot, for a time.
//
//   0 ───────── forgiven_after ──────────────────────────── timeout
//   │ for what has not been tried │ for what has been, too  │ not valid
//
// What was tried in vain may be back before anything else has a slot: after a pause the session
// takes that, too (EndpointQueue::Forgive). If it is not back the session comes back to its place.
#ifndef SLUICE_PROXY_UPSTREAM_SLOT_WAIT_H_
#define SLUICE_PROXY_UPSTREAM_SLOT_WAIT_H_

#include <memory>
#include <span>

#include "core/base/time.h"
#include "core/task/task.h"
#include "proxy/upstream/endpoint_queue.h"

namespace sluice::proxy {

struct SlotWait {
  core::Duration timeout;         // more than 0
  core::Duration slow_start;      // that of the upstream: time may free a slot
  core::Duration forgiven_after;  // less than `timeout`; 0: not at all
  // The session's, for all its waits: made by the first one that may be forgiven.
  std::unique_ptr<EndpointQueue::Place>& place;
};

// Not valid: there was none in time, the queue is closed, or the scope was cancelled. `queue`,
// `request` and `tried` stay valid until then. Inside a task.
core::Task<EndpointSlot> WaitForSlot(EndpointQueue& queue, SlotWait wait,
                                     const PickRequest& request, std::span<Endpoint* const> tried);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_SLOT_WAIT_H_
