#include "proxy/admin/keep_state.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/time.h"

namespace sluice::proxy {
namespace {

// As long as a successor waits for the same disk: clients are served meanwhile, administrators are
// not.
constexpr core::Duration kWaitForDisk = 2s;

void Tell(core::Logger& logger, const absl::Status& status) {
  if (status.ok()) return;
  logger.Log(core::LogLevel::kError, "%s; changes of endpoints are not kept", status.message());
}

// Threads: any.
class AdminTurns {
 public:
  AdminTurns(std::function<absl::Status()> open, std::function<void()> close, bool is_open,
             StateFile& state, core::Logger& logger)
      : open_(std::move(open)),
        close_(std::move(close)),
        state_(state),
        logger_(logger),
        is_open_(is_open),
        wants_open_(is_open) {}

  void Want(bool open) {
    absl::MutexLock lock(&mutex_);
    wants_open_ = open;
  }

  // An error: it could not be closed, and is open.
  absl::Status Follow() {
    absl::MutexLock turn(&turn_);
    if (is_open_ && !wants_open()) {
      close_();
      is_open_ = false;
      if (absl::Status paused = state_.Pause(kWaitForDisk); !paused.ok()) {
        Open();
        return paused;
      }
    }
    if (!is_open_ && wants_open()) Open();
    return absl::OkStatus();
  }

 private:
  bool wants_open() {
    absl::MutexLock lock(&mutex_);
    return wants_open_;
  }

  // Its address may have been taken meanwhile, and to serve comes first.
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) {
    is_open_ = true;
    Tell(logger_, state_.Resume());
    const absl::Status opened = open_();
    if (opened.ok()) return;
    logger_.Log(core::LogLevel::kError, "%s; serving without it", opened.message());
  }

  const std::function<absl::Status()> open_;
  const std::function<void()> close_;
  StateFile& state_;
  core::Logger& logger_;
  absl::Mutex turn_;
  bool is_open_ ABSL_GUARDED_BY(turn_);
  absl::Mutex mutex_;
  bool wants_open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status KeepState(StateFile& state, Server& server, bool takes_over, core::Logger& logger) {
  if (!state.has_path()) return absl::OkStatus();
  const auto keep = [&state, &actions = server.endpoint_actions()] {
    actions.Restore(state.Load());
    const absl::Status started = state.Start([&actions] { return actions.changes(); });
    if (started.ok()) actions.set_on_change([&state] { state.Changed(); });
    actions.set_rejects("");
    return started;
  };
  if (!takes_over) return keep();
  server.endpoint_actions().set_rejects(
      "admin.state_file has not been read yet: until it is, nothing can be changed by hand");
  server.set_adopt_state([keep, &logger] { Tell(logger, keep()); });
  return absl::OkStatus();
}

void SetAdmin(Server& server, std::function<absl::Status()> open, std::function<void()> close,
              bool is_open, StateFile& state, core::Logger& logger) {
  const auto turns =
      std::make_shared<AdminTurns>(std::move(open), std::move(close), is_open, state, logger);
  server.set_admin([turns](bool wanted) { turns->Want(wanted); },
                   [turns] { return turns->Follow(); });
}

void FinishState(StateFile& state, core::Logger& logger) {
  const absl::Status kept = state.Pause(kWaitForDisk);
  if (!absl::IsDeadlineExceeded(kept)) return state.Stop();
  logger.Log(core::LogLevel::kError, "%s: the last changes are not in it", kept.message());
}

}  // namespace sluice::proxy
