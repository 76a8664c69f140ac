// SuccessorProcess: the process that a new binary runs in, until it is known what becomes of it.
//
//   NONE ── Start ──► RUNS ── LetGo ──► on its own: the kernel takes it away when it ends
//                       └── End, destructor ──► killed and taken away
//
// It gets the standard descriptors, one end of a channel with the number kChannel, which
// kChannelVariable names, and no other descriptor; the environment; no blocked and no ignored
// signals.
//
// Threads: one at a time. Children are otherwise not kept when they end (SIGCHLD is ignored); from
// Start to the end of this object those that end meanwhile wait.
// Checked by: tests/e2e/test_upgrade.py.
#ifndef SLUICE_PROXY_SERVER_SUCCESSOR_PROCESS_H_
#define SLUICE_PROXY_SERVER_SUCCESSOR_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/time.h"

namespace sluice::proxy {

// What to run.
struct Program {
  std::string path;
  std::vector<std::string> arguments;  // with the name that it is called by
};

class SuccessorProcess {
 public:
  static constexpr int kChannel = 3;
  static constexpr const char* kChannelVariable = "SLUICE_UPGRADE_CHANNEL";

  // May wait for a disk.
  static absl::StatusOr<SuccessorProcess> Start(const Program& program);

  SuccessorProcess(SuccessorProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), channel_(std::exchange(other.channel_, -1)) {}
  SuccessorProcess& operator=(SuccessorProcess&&) = delete;
  ~SuccessorProcess();

  pid_t pid() const { return pid_; }

  // This process's end of the channel, the caller's from now on.
  int TakeChannel() { return std::exchange(channel_, -1); }

  // Kills it, unless it ends by itself within `patience`, for which the calling thread waits.
  // Returns how it has ended: "ended with exit code 1".
  std::string End(core::Duration patience);

  // At once; End takes it away.
  void Kill() const;

  void LetGo();

 private:
  SuccessorProcess(pid_t pid, int channel) : pid_(pid), channel_(channel) {}

  pid_t pid_;  // 0: let go, or ended
  int channel_;
};

// For the program that has been started: its end of the channel, closed on exec, or -1 if it is not
// a successor. The environment does not name it any more.
int TakeSuccessorChannel();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SUCCESSOR_PROCESS_H_
