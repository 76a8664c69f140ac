// QueueEntry: what the queue of sessions that wait for an endpoint consists of (endpoint_queue.h):
// the sessions, and between them markers: for an endpoint that some of them have tried already, or
// for the place of a session that will perhaps come back to it.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_ENTRY_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_ENTRY_H_

#include <cstdint>

#include "core/sync/wait_list.h"

namespace sluice::proxy {

class QueueEntry : public core::WaitAwaiter {
 public:
  explicit QueueEntry(bool is_marker) : is_marker(is_marker) {}
  const bool is_marker;
  // Of two sessions the one that has come later has the higher one. The marker of an endpoint has
  // that of the session that it was put in front of; at the end, that of the next one to come. That
  // of a place has its session's. Under the queue's lock.
  uint64_t ticket = 0;

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
