// StatsRegistry: what the proxy counts, apart for each listener with each upstream that its
// sessions go to: the exposition adds up what a metric's scope leaves out, the stats line all of
// it.
//
//   process ── reloads, and what has been counted for listeners that are gone
//   (web, app) ── Stats, one set of slots for each worker ◄── sessions and accept loops count here
//   (web, api) ── …
//
// A listener that comes back, with another configuration or after a while, counts on where it was.
// Of those that no configuration has any more, and no session, kMostUnused are kept; the counts of
// others become the process's, so that no total ever falls.
//
// Threads: any. What is counted is read without stopping the worker that counts it.
#ifndef SLUICE_PROXY_OBSERVE_STATS_REGISTRY_H_
#define SLUICE_PROXY_OBSERVE_STATS_REGISTRY_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/intrusive_ptr.h"
#include "proxy/observe/stats.h"

namespace sluice::proxy {

// The counts of the sessions that a listener has with one upstream.
struct SessionStats final : core::RefCounted {
  SessionStats(std::string_view listener, std::string_view upstream, size_t workers)
      : listener(listener), upstream(upstream), stats(workers) {}

  const std::string listener;
  const std::string upstream;
  Stats stats;
};

// The same at one moment. Both names are "" for what belongs to the process.
struct SessionCounts {
  std::string listener;
  std::string upstream;
  StatsValues values;
};

class StatsRegistry {
 public:
  static constexpr size_t kMostUnused = 256;

  explicit StatsRegistry(size_t workers) : workers_(workers), process_(workers) {}

  Stats& process() { return process_; }

  // Those of this name, from now on kept for as long as they are referred to.
  core::IntrusivePtr<SessionStats> Of(std::string_view listener, std::string_view upstream);

  // What belongs to the process comes first, then by name. Gauges are 0, but for sessions_active.
  std::vector<SessionCounts> Read() const;

  // Of all of them.
  StatsValues Sum() const;

 private:
  using Key = std::pair<std::string, std::string>;

  void DropUnused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t workers_;
  Stats process_;
  mutable absl::Mutex mutex_;
  std::map<Key, core::IntrusivePtr<SessionStats>> known_ ABSL_GUARDED_BY(mutex_);
  StatsValues gone_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_STATS_REGISTRY_H_
