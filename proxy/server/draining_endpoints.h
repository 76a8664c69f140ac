// DrainingEndpoints: endpoints and upstreams that reloads have removed, until their last session
// has ended: it ends by itself, or when the time that `on_removed` gives it is over.
//
//   IDLE ── Add ──► LOOKING (a task) ── nothing is left of them ──► IDLE
//                     │  ▲ the next one is late, or Add has come
//                     └──┘
//
// Threads: Add, EndSessions and Stop one at a time; AddSoon any.
#ifndef SLUICE_PROXY_SERVER_DRAINING_ENDPOINTS_H_
#define SLUICE_PROXY_SERVER_DRAINING_ENDPOINTS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/sync/notify.h"
#include "core/task/task.h"
#include "proxy/upstream/endpoint_pool.h"

namespace sluice::proxy {

using EndpointPools = std::vector<core::IntrusivePtr<EndpointPool>>;

class DrainingEndpoints {
 public:
  explicit DrainingEndpoints(core::RuntimeHandle runtime) : runtime_(runtime), tasks_(runtime) {}

  // Looks after those of `pools` that have something to drain. Inside a task.
  void Add(const EndpointPools& pools);
  // The same, soon; on any thread, before Stop.
  void AddSoon(EndpointPools pools) { tasks_.Spawn(AddLater(std::move(pools))); }

  // How many sessions the endpoints of this name have in pools of `upstream` that it looks after,
  // but for `except`. Any thread.
  uint32_t SessionsOf(std::string_view upstream, std::string_view endpoint,
                      const EndpointPool& except) const;

  // Of all pools that it looks after. What has been cancelled for all sessions stays cancelled.
  void EndSessions();

  core::Task<void> Stop();

 private:
  core::Task<void> AddLater(EndpointPools pools);
  core::Task<void> Run();
  // Returns when to look again; none: nothing is left.
  std::optional<core::Instant> Look();

  const core::RuntimeHandle runtime_;
  core::CancellationSource stop_;
  core::Notify added_;
  core::TaskGroup tasks_;
  mutable absl::Mutex mutex_;
  EndpointPools pools_ ABSL_GUARDED_BY(mutex_);
  bool runs_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_DRAINING_ENDPOINTS_H_
