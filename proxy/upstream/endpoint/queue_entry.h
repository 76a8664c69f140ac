// QueueEntry: what the queue of sessions that wait for an endpoint consists of (endpoint_queue.h):
// the sessions, and between them a marker for an endpoint that some of them have tried already.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_ENTRY_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_ENTRY_H_

#include "core/sync/wait_list.h"

namespace sluice::proxy {

class QueueEntry : public core::WaitAwaiter {
 public:
  explicit QueueEntry(bool is_marker) : is_marker(is_marker) {}
  const bool is_marker;

 protected:
  ~QueueEntry() = default;
};

// Nothing is suspended on it, and it is never posted.
class QueueMarker final : public QueueEntry {
 public:
  QueueMarker() : QueueEntry(true) {}
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_ENTRY_H_
