// SessionActions: what an administrator sees of the sessions that there are, and ends of them.
//
//   SessionActions& actions = server.session_actions();
//   const SessionPage page = actions.List({.order = SessionOrder::kIdle, .limit = 20});
//   const absl::Status killed = actions.Kill(page.rows[0].id, "uid 0");
//
// A session that is killed is reset, both ways and at once, in every stage; its reason is
// admin/killed. One that is flushed has ended already: it is cut short and keeps its reason.
//
// Shed ends a share of the sessions that there are, chosen by chance, evenly over a time; their
// reason is admin/shed. So the clients of long-lived connections move to other nodes, of which new
// ones get their share, without a crowd that comes back at once.
//
//   IDLE ── Shed ──► SHEDDING (a task) ── all of the share have ended, or StopShedding ──► IDLE
//
// Each act is an event, with `who` asked for it.
//
// ResetThoseOf is no administrator's act: with `on_down: reset` it ends the sessions of an endpoint
// that has gone down by its check, spread over less than a second; their reason is endpoint_down.
// Those that were on their way to it when it went down are looked for at the end of that time,
// unless it is up again.
// Threads: any; none of them stops a worker for long (session_registry.h).
// Checked by: tests/proxy/server/sessions_test.cc, tests/e2e/test_on_down.py.
#ifndef SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_
#define SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/observe/end_reason.h"
#include "proxy/observe/events.h"
#include "proxy/session/session_rates.h"
#include "proxy/session/session_registry.h"
#include "proxy/session/session_row.h"
#include "proxy/upstream/endpoint_pool.h"

namespace sluice::proxy {

class SessionActions {
 public:
  SessionActions(core::RuntimeHandle runtime, SessionRegistry& registry, Events& events)
      : runtime_(runtime), registry_(registry), events_(events), tasks_(runtime) {}

  // An order by round trip needs RowDetail::kPaths.
  SessionPage List(const SessionQuery& query, RowDetail detail = RowDetail::kNames) const;

  // NOT_FOUND: there is no such session, or it has ended meanwhile.
  absl::Status Kill(uint64_t id, std::string_view who);
  // Returns how many.
  size_t Kill(const SessionFilter& filter, std::string_view who);

  // Ends `percent` of the sessions that there are within `over`. Returns how many are to end.
  // INVALID_ARGUMENT; FAILED_PRECONDITION: it sheds already.
  absl::StatusOr<size_t> Shed(uint32_t percent, core::Duration over, std::string_view who);
  void StopShedding(std::string_view who);

  // Any thread, until Close has been called.
  void ResetThoseOf(core::IntrusivePtr<EndpointPool> pool, EndpointRef endpoint);

  // The server's: nothing is shed or reset any more.
  core::Task<void> Close();

 private:
  core::Task<void> ShedEach(std::vector<uint64_t> ids, core::Duration over,
                            core::CancellationToken stop);
  // The pool owns the endpoint: a reload may drop its upstream meanwhile.
  core::Task<void> ResetEach(core::IntrusivePtr<EndpointPool> pool, EndpointRef of);
  // Returns how many it has told to end.
  core::Task<size_t> EndEach(std::vector<uint64_t> ids, core::Duration over, EndReason reason,
                             core::CancellationToken stop);

  const core::RuntimeHandle runtime_;
  SessionRegistry& registry_;
  mutable SessionRates rates_;
  Events& events_;
  core::CancellationSource closing_;
  core::TaskGroup tasks_;
  absl::Mutex mutex_;
  std::unique_ptr<core::CancellationSource> stop_ ABSL_GUARDED_BY(mutex_);  // null: IDLE
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_
