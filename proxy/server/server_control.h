// ServerControl: what other threads know of the server, and what they ask of it.
//
//   the server's task ── Show ──► ServerView ──► View, any thread: a copy, at any time
//
//   any thread ── Reload ──► waits ── the server's task takes all that wait ──► one reload ──► done
//                   └── the server does not serve, or cannot reload: done at once, with an error
//
// Those that come during a reload wait for one more: a reload that began after the question reads
// what the file had then.
//
// Threads: those of View, state and Reload any; the rest the server's task.
// Checked by: tests/e2e/test_admin.py.
#ifndef SLUICE_PROXY_SERVER_SERVER_CONTROL_H_
#define SLUICE_PROXY_SERVER_SERVER_CONTROL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/intrusive_ptr.h"
#include "core/net/address.h"
#include "core/sync/notify.h"
#include "core/task/task.h"
#include "proxy/server/topology.h"

namespace sluice::proxy {

enum class ServerState : uint8_t { kStarting, kServing, kDraining, kStopped };

constexpr std::string_view Name(ServerState state) {
  constexpr std::string_view kNames[] = {"starting", "serving", "draining", "stopped"};
  return kNames[static_cast<size_t>(state)];
}

// At one moment. What it refers to stays valid for as long as it is held.
struct ServerView {
  ServerState state = ServerState::kStarting;
  core::IntrusivePtr<const Topology> topology;    // null until it serves
  std::vector<std::vector<core::Address>> bound;  // for each listener of it
  std::vector<std::string> pending;               // keys that wait for a restart
};

class ServerControl {
 public:
  using Done = std::function<void(const absl::Status&)>;

  ServerView View() const;
  ServerState state() const;

  // `done` is called once, by any thread: when the file is in force, or with what is wrong, one
  // line for each error.
  void Reload(Done done);

  void set_can_reload() { can_reload_ = true; }  // before it serves
  void Show(ServerView view);
  void Enter(ServerState state);

  // Returns true when a reload has been asked for, false when the scope is cancelled.
  core::Task<bool> AskedToReload();
  // All that wait for a reload.
  std::vector<Done> TakeReloads();
  // Those that wait have an error, and so have those to come.
  void StopReloading();

 private:
  mutable absl::Mutex mutex_;
  ServerView view_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> reloads_ ABSL_GUARDED_BY(mutex_);
  bool takes_reloads_ ABSL_GUARDED_BY(mutex_) = false;
  bool can_reload_ = false;
  core::Notify asked_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVER_CONTROL_H_
