// StateFile: what administrators have changed about endpoints, kept over a restart in the file
// `admin.state_file`.
//
//   acts, reloads ── Changed ──► DIRTY ── the thread ──► what is changed is other than in the file?
//                                  ▲                        │ yes: written beside it, synced,
//                                  └── Changed meanwhile ◄──┘      and renamed over it
//
// So the file is always whole: the one before or the one after. It is read once, at the start; one
// that is broken is told and ignored, and the next change takes its place. In one that is whole a
// line that says nothing is told and left out, and the others hold. An act is answered before it is
// in the file, which follows at once.
//
// In an upgrade the file is one process's at a time. The one before pauses when its admin endpoint
// has closed, behind its last act, and goes on if it serves on; the successor reads the file then,
// and writes nothing before.
//
//   NEW ── Start ──► KEEPS ── Pause: the thread has written all, and ended ──► PAUSED
//                    ▲   └── the disk does not answer: an error, it KEEPS on      │
//                    └─────────────────────── Resume ─────────────────────────────┘
//   NEW ── Pause ──► a Start is remembered, and begins with Resume
//   any ── Stop ──► ENDED: Start and Resume do nothing
//
//   sluice administrative state 1
//   /app/10.0.0.1%3A3000?state=drain
//   /app/big?set_weight=7
//   /app/late?address=10.0.0.9%3A3000&name=late&weight=1&priority=0&max_connections=0
//   /app/old?removed=true
//   end
//
// Threads: Load and Start one; the rest any.
// Checked by: tests/proxy/admin/state_file_test.cc, tests/e2e/test_state_file.py.
#ifndef SLUICE_PROXY_ADMIN_STATE_FILE_H_
#define SLUICE_PROXY_ADMIN_STATE_FILE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "proxy/server/endpoint_actions.h"

namespace sluice::proxy {

// The text of the file, and what it says. INVALID_ARGUMENT: it is not whole; "LINE: why".
std::string EncodeState(const EndpointActions::Changes& changes);
struct StateText {
  EndpointActions::Changes changes;
  std::vector<std::string> left_out;  // "LINE: what is wrong"
};
absl::StatusOr<StateText> DecodeState(std::string_view text);

class StateFile {
 public:
  static constexpr size_t kMostBytes = size_t{16} << 20;

  StateFile(std::string path, core::Logger& logger) : path_(std::move(path)), logger_(logger) {}
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  ~StateFile() { Stop(); }

  // Without a path nothing is kept.
  bool has_path() const { return !path_.empty(); }

  // Nothing if there is no file yet, or, which is logged, none that is whole.
  EndpointActions::Changes Load();

  // Keeps what `changes` says. An error: no thread is left.
  absl::Status Start(std::function<EndpointActions::Changes()> changes);
  void Changed();
  // Writes what has changed, and writes nothing from then on. An error: the file has not all of it,
  // because it cannot be written, or not within `patience`: then Resume goes on.
  absl::Status Pause(core::Duration patience);
  // Goes on where Pause has ended it: with what has changed meanwhile. Nothing without a Start. An
  // error as of Start.
  absl::Status Resume();
  // Writes what has changed, and ends for good.
  void Stop();

 private:
  void TellLeftOut(const std::vector<std::string>& lines) const;
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();
  void Save();
  absl::Status Write(const std::string& text) const;

  const std::string path_;
  core::Logger& logger_;
  std::function<EndpointActions::Changes()> changes_;  // set before there is a thread
  std::string written_;                                // what the file has
  absl::Mutex mutex_;
  bool is_dirty_ ABSL_GUARDED_BY(mutex_) = false;
  bool stops_ ABSL_GUARDED_BY(mutex_) = false;      // PAUSED, or about to be
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;  // Stop has been called
  bool runs_ ABSL_GUARDED_BY(mutex_) = false;       // false: the thread needs no lock any more
  absl::Status saved_ ABSL_GUARDED_BY(mutex_);      // how the last attempt went
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_STATE_FILE_H_
