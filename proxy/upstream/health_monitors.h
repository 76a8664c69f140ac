// HealthMonitors: the tasks that look after the endpoints of upstreams with `health`, `agent` or
// `passive_health`: one for each upstream, and one for each check and each question to an agent
// while it is made.
//
//   Follow ──► WATCHING ── a check or the end of an ejection is due, or something changed ─┐
//                 │ ▲                                                                      │
//                 │ └── a task for each check that is due ◄── UpstreamHealth::TakeDue ◄────┘
//                 │     and a pause: 1 ms, of more than a thousand endpoints 1 us each
//                 └── another configuration takes its place, or Stop: what is under way is
//                     given up
//
// An endpoint is checked once, whatever the number of workers: the tasks of checks are shared out
// to the workers, and TakeDue gives each endpoint to one. At most kMostChecks (or questions) are
// under way at a time in the process. A check is a task among others: it waits its turn like a
// session does, and it takes a worker only for moments.
//
// Threads: Follow and Stop one at a time, inside a task.
// Checked by: tests/proxy/upstream/health_monitors_test.cc, tests/e2e/test_health.py,
// tests/e2e/test_agent.py.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_MONITORS_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_MONITORS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/atomic.h"
#include "core/base/intrusive_ptr.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "core/sync/cancellation.h"
#include "core/sync/semaphore.h"
#include "core/task/task.h"
#include "proxy/observe/events.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/health/check.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

// What follows from checks and agents beyond the endpoints themselves. Each for any thread.
struct HealthActs {
  // The sessions of an endpoint that went down are to be reset.
  std::function<void(const Upstream& upstream, EndpointRef endpoint)> reset_sessions;
  // Agents have said other weights or limits. It may take long with many endpoints.
  std::function<void(const Upstream& upstream)> reweigh;
  // Where what may take long is done; returns when it is done. An error: it has not been begun, and
  // is done in the task. Null: likewise.
  std::function<core::Task<absl::Status>(std::function<void()> work)> elsewhere = nullptr;
};

class HealthMonitors {
 public:
  static constexpr uint32_t kMostChecks = 256;

  HealthMonitors(core::RuntimeHandle runtime, Events& events, HealthActs acts)
      : runtime_(runtime), events_(events), acts_(std::move(acts)), tasks_(runtime) {}
  HealthMonitors(const HealthMonitors&) = delete;
  HealthMonitors& operator=(const HealthMonitors&) = delete;

  // Looks after these upstreams from now on, and after no others.
  void Follow(std::span<const core::IntrusivePtr<Upstream>> upstreams);
  // Once; has to be awaited before it goes.
  core::Task<void> Stop();

 private:
  using StopSource = std::shared_ptr<core::CancellationSource>;
  struct Watched {
    core::IntrusivePtr<Upstream> upstream;
    StopSource stop;
  };

  core::Task<void> Watch(core::IntrusivePtr<Upstream> upstream, StopSource stop);
  core::Task<void> Reweigh(core::IntrusivePtr<Upstream> upstream);
  core::Task<void> Check(core::IntrusivePtr<Upstream> upstream, StopSource stop,
                         EndpointRef endpoint);
  core::Task<void> CheckInTurn(Upstream& upstream, Endpoint& endpoint, bool& is_reported);
  core::Task<void> Ask(core::IntrusivePtr<Upstream> upstream, StopSource stop,
                       EndpointRef endpoint);
  core::Task<void> AskInTurn(Upstream& upstream, Endpoint& endpoint, bool& is_reported);
  core::Worker& NextWorker();

  const core::RuntimeHandle runtime_;
  Events& events_;
  const HealthActs acts_;
  core::Semaphore turns_{kMostChecks};
  core::Atomic<uint32_t> next_worker_{0};
  std::vector<Watched> watched_;
  core::TaskGroup tasks_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_MONITORS_H_
