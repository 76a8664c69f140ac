// ConfigWatch: waits until the files that the configuration was read from are others.
//
//   LISTENING (inotify on their folders, and on those of symbolic links on the way)
//     │ something about one of these names          ▲ the same text as before
//     ▼                                             │
//   SETTLING ── nothing more for kQuiet, or ──► COMPARING ── another text, or none ──► changed
//               kLongest is over                 (conf/sources.h)
//
// Each round looks for symbolic links again and listens before it compares, so that no change is
// missed and none is told twice. Looking into the file system is done elsewhere.
//
// Threads: Set and Get any; WaitForChange inside a task.
// Checked by: tests/e2e/test_watch.py, tests/proxy/server/config_watch_test.cc.
#ifndef SLUICE_PROXY_SERVER_CONFIG_WATCH_H_
#define SLUICE_PROXY_SERVER_CONFIG_WATCH_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "conf/sources.h"
#include "core/base/time.h"
#include "core/task/task.h"
#include "proxy/server/run_elsewhere.h"

namespace sluice::proxy {

class ConfigWatch {
 public:
  static constexpr core::Duration kQuiet = 150ms;
  static constexpr core::Duration kLongest = 2s;

  // What was read last.
  void Set(conf::Sources sources) {
    absl::MutexLock lock(&mutex_);
    sources_ = std::move(sources);
  }
  conf::Sources Get() const {
    absl::MutexLock lock(&mutex_);
    return sources_;
  }

  // OK: they are others now. CANCELLED: the scope is. Else why that cannot be known.
  core::Task<absl::Status> WaitForChange(RunElsewhere elsewhere) const;

 private:
  mutable absl::Mutex mutex_;
  conf::Sources sources_ ABSL_GUARDED_BY(mutex_);
};

// The names to watch, each in its folder, so that whatever happens to the file `path` shows: its
// own, and those of symbolic links on the way to it.
struct WatchedName {
  std::string folder;
  std::string name;  // "": all names

  bool operator==(const WatchedName&) const = default;
};
std::vector<WatchedName> NamesOf(const conf::Source& source);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_CONFIG_WATCH_H_
