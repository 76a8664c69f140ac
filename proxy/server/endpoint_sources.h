// EndpointSources: the tasks that ask where the endpoints of upstreams are, one for each source.
//
//   Add, Follow ──► ASKING ── a snapshot ──► elsewhere: EndpointActions::Discover ─┐
//                     ▲ │                                                         │
//                     │ └── an error: told once, what there was stays             │
//                     └────────────────────────────────────────────────────────────┘
//                     │ Follow without it, other settings, or Stop
//                     ▼
//                   ENDED
//
// With `source_address` only addresses of its family are asked for, and a list with others is an
// error.
//
// Where a configuration asks other name servers for what an upstream has already, both are asked
// until it is in force. The answer of the new ones is kept until then, and until the old ones have
// had their last word; if it does not come in force it has changed nothing.
//
// What a snapshot changes is worked out beside the workers, and goes through the door of all
// changes of endpoints. A source that two upstreams have in common is asked for each of them. What
// changes, and what goes wrong, are events.
//
// Threads: the server's task.
// Checked by: tests/e2e/test_discover_file.py, tests/e2e/test_discover_dns.py.
#ifndef SLUICE_PROXY_SERVER_ENDPOINT_SOURCES_H_
#define SLUICE_PROXY_SERVER_ENDPOINT_SOURCES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/sync/notify.h"
#include "core/sync/semaphore.h"
#include "core/task/task.h"
#include "proxy/observe/events.h"
#include "proxy/server/endpoint_actions.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/upstream/discovery/source.h"

namespace sluice::proxy {

class EndpointSources {
 public:
  static constexpr uint32_t kMostAsking = 32;  // at a time, of name servers

  EndpointSources(core::RuntimeHandle runtime, EndpointActions& actions, Events& events)
      : runtime_(runtime), actions_(actions), events_(events), tasks_(runtime) {}
  EndpointSources(const EndpointSources&) = delete;
  EndpointSources& operator=(const EndpointSources&) = delete;

  // Before the first.
  void set_make(SourceMaker make) { make_ = std::move(make); }

  // Asks the sources of these upstreams, too; or, when this is in force, these and no others.
  void Add(const conf::Config& config, const RunElsewhere& elsewhere);
  void Follow(const conf::Config& config, const RunElsewhere& elsewhere);

  bool has_any() const { return !watched_.empty(); }

  // Returns when each has brought something or an error, or the time is over.
  core::Task<void> UntilFirst(core::Duration limit);

  // From now on endpoints that join an upstream with checks have to pass one first.
  void set_serves() { serves_.store(true, std::memory_order_relaxed); }

  // Once; has to be awaited before it goes.
  core::Task<void> Stop();

 private:
  struct Watched;
  using WatchedPtr = std::shared_ptr<Watched>;
  struct Watched {
    std::string upstream;
    SourceSpec spec;
    conf::Dns dns;
    core::Address source;  // where its connections come from, or empty
    WatchedPtr before;     // the one whose place it takes, until it has; its task's
    core::CancellationSource in_force;
    core::CancellationSource stop;
    core::CancellationSource ended;
    core::Atomic<bool> has_begun{false};
  };

  std::vector<WatchedPtr> SourcesFor(const conf::Config& config, const RunElsewhere& elsewhere);
  core::Task<void> Watch(WatchedPtr watched, RunElsewhere elsewhere);
  core::Task<bool> TakePlace(Watched& watched);
  core::Task<void> Apply(const Watched& watched, const std::optional<Snapshot>& was,
                         const Snapshot& is, const RunElsewhere& elsewhere);
  void TellChange(const Watched& watched, const std::optional<Snapshot>& was, const Snapshot& is);
  void TellError(const Watched& watched, const absl::Status& status, bool has_endpoints);
  void TellBegun(Watched& watched);
  bool HaveAllBegun() const;

  const core::RuntimeHandle runtime_;
  EndpointActions& actions_;
  Events& events_;
  SourceMaker make_ = MakeSource;
  std::vector<WatchedPtr> watched_;
  core::Semaphore turns_{kMostAsking};
  core::Notify begun_;
  core::Atomic<bool> serves_{false};
  core::Atomic<uint64_t> seeds_{0};
  core::TaskGroup tasks_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_ENDPOINT_SOURCES_H_
