// Routing: what sessions of a listener need to find out where their clients go.
//
//   ListenerState ──► Routing ──► RouteTable         (proxy/route: pure)
//     ▲                 │ ├─────► SessionContext    one for each upstream that a route names: the
//     │                 │ │                         listener's own, but for that and what it counts
//     └─ CurrentContext ┘ └─────► how long, and for what it waits
//
// The configuration is taken when a session is routed: a session that has waited through a reload
// looks for the listener that has its name by then (CurrentContext), and is routed by that. One
// whose listener a reload has removed is routed as that listener said.
//
// Immutable, but for CurrentContext. Any thread.
#ifndef SLUICE_PROXY_SESSION_ROUTING_H_
#define SLUICE_PROXY_SESSION_ROUTING_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "conf/route.h"
#include "core/base/intrusive_ptr.h"
#include "proxy/route/route_table.h"
#include "proxy/session/session.h"

namespace sluice::proxy {

// That of the listener of one name, from one reload to the next. It refers to the listener's state,
// which refers to it: the topology that has set it clears it.
class CurrentContext final : public core::RefCounted {
 public:
  void Set(core::IntrusivePtr<const SessionContext> context) {
    absl::MutexLock lock(&mutex_);
    std::swap(context_, context);
  }
  // Unless another one has taken its place.
  void Clear(const SessionContext& context) {
    core::IntrusivePtr<const SessionContext> gone;
    absl::MutexLock lock(&mutex_);
    if (context_.get() == &context) std::swap(context_, gone);
  }
  // Null: the listener has been removed.
  core::IntrusivePtr<const SessionContext> Get() const {
    absl::MutexLock lock(&mutex_);
    return context_;
  }

 private:
  mutable absl::Mutex mutex_;
  core::IntrusivePtr<const SessionContext> context_ ABSL_GUARDED_BY(mutex_);
};

struct Routing {
  Routing(std::span<const conf::Route> routes, const conf::Preread& policy, bool wants_name,
          std::vector<core::IntrusivePtr<const SessionContext>> contexts,
          core::IntrusivePtr<const CurrentContext> current)
      : table(routes),
        policy(policy),
        wants_name(wants_name),
        contexts(std::move(contexts)),
        current(std::move(current)) {
    for (const conf::Route& route : routes) names.push_back(NameOf(route));
  }

  const RouteTable table;
  const conf::Preread policy;
  const bool wants_name;                                                 // an upstream goes by it
  const std::vector<core::IntrusivePtr<const SessionContext>> contexts;  // of each route
  std::vector<std::string> names;                                        // of each route
  const core::IntrusivePtr<const CurrentContext> current;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_ROUTING_H_
