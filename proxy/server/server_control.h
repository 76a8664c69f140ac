// ServerControl: what other threads know of the server, and what they ask of it.
//
//   the server's task ── Show ──► ServerView ──► View, any thread: a copy, at any time
//
//   any thread ── Ask ──► waits ── the server's task takes all that ask for this ──► done
//                  └── the server does not serve, or cannot do it: done at once, with an error
//
// Those that come during a reload wait for one more: a reload that began after the question reads
// what the file had then. Of upgrades there is one at a time.
//
// Threads: those of View, state and Ask any; the rest the server's task.
// Checked by: tests/e2e/test_admin.py, tests/e2e/test_ctl_upgrade.py.
#ifndef SLUICE_PROXY_SERVER_SERVER_CONTROL_H_
#define SLUICE_PROXY_SERVER_SERVER_CONTROL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
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

// What changes the process and is not done at once.
enum class Change : uint8_t { kReload, kUpgrade };
inline constexpr size_t kChangeCount = 2;

class ServerControl {
 public:
  using Done = std::function<void(const absl::Status&)>;

  ServerView View() const;
  ServerState state() const;

  // `done` is called once, by any thread: when the file is in force, or the successor serves, or
  // with what is wrong, one line for each error.
  void Ask(Change change, Done done);

  void set_can(Change change) { Of(can_, change) = true; }  // before it serves
  void Show(ServerView view);
  void Enter(ServerState state);

  // What has been asked for, once something has; none: the scope is cancelled.
  core::Task<std::optional<Change>> Asked();
  // All that have asked for it.
  std::vector<Done> Take(Change change);
  // While it is, those that ask for another one have an error.
  void set_is_upgrading(bool is_upgrading);
  // Those that wait have an error, and so have those to come.
  void StopChanging();

 private:
  template <typename T>
  static T& Of(std::array<T, kChangeCount>& all, Change change) {
    return all[static_cast<size_t>(change)];
  }

  mutable absl::Mutex mutex_;
  ServerView view_ ABSL_GUARDED_BY(mutex_);
  std::array<std::vector<Done>, kChangeCount> asked_for_ ABSL_GUARDED_BY(mutex_);
  bool takes_changes_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_upgrading_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<bool, kChangeCount> can_ = {};
  core::Notify asked_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVER_CONTROL_H_
