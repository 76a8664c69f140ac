// Upgrade: hands the listening sockets of this process to a new binary, or changes nothing.
//
//   this process, the predecessor                  the successor (inheritance.h)
//
//   SERVING
//     │ Offer: starts it ────────────────────────► STARTING: reads its configuration, makes its
//     │                                                │      runtime; HELLO
//   OFFERING ── SOCKETS, each acknowledged ──────► ADOPTING: binds what it does not get
//     │                                                │
//   OFFERED ◄────────────────────────── READY ──── WAITING: accepts nothing yet
//     │ the server closes its admin endpoint, whose last act is in the file then (or Withdraw: it
//     │ cannot be written), and stops accepting; what arrives now stays in the queues of both
//   STOPPED ── Commit: COMMIT ───────────────────► SERVING
//     │                                                │
//   DRAINING ◄─────────────────────── SERVING ─────────┘
//
//   Until the last arrow any failure (it ends, it hangs, it speaks another protocol, a signal asks
//   this process to end) kills the successor, and this process has all that it had: it accepts
//   again, or ends. From there on the sockets and the files of UNIX sockets are the successor's.
//
// How messages look: handover_codec.h. What is in flight: at most kSocketsPerPacket descriptors.
//
// For a time there are two processes, each with the memory, the limits and the counts of its own.
//
// Threads: the server's task. The process is started elsewhere (run_elsewhere.h).
// Checked by: tests/e2e/test_upgrade.py, tests/sim (the server that uses it).
#ifndef SLUICE_PROXY_SERVER_UPGRADE_H_
#define SLUICE_PROXY_SERVER_UPGRADE_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "core/task/task.h"
#include "proxy/server/handover_codec.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/server/successor_process.h"

namespace sluice::proxy {

// The sockets that are handed over, and their descriptors in the same order.
struct Handover {
  std::vector<HandoverSocket> sockets;
  std::vector<int> descriptors;
};

// What the server asks of an upgrade; a simulation may have another one.
class Upgrade {
 public:
  virtual ~Upgrade() = default;

  // Starts the successor and waits until it is ready, at most for `timeout`. Returns which of the
  // sockets it will serve. An error is a sentence; then it has been killed, also when the scope is
  // cancelled.
  virtual core::Task<absl::StatusOr<std::vector<bool>>> Offer(Handover handover,
                                                              core::Duration timeout) = 0;

  // After Offer, when this process accepts nothing any more. OK: the successor serves.
  virtual core::Task<absl::Status> Commit() = 0;

  // After Offer, in place of Commit: the successor is killed, also when the scope is cancelled.
  virtual core::Task<void> Withdraw() = 0;

  // After Commit.
  virtual pid_t successor() const = 0;
};

class ProcessUpgrade final : public Upgrade {
 public:
  // `on_serving` runs in the task that commits, before the successor can know that this one has
  // heard of it.
  ProcessUpgrade(Program program, RunElsewhere elsewhere,
                 std::function<core::Task<void>(pid_t)> on_serving)
      : program_(std::move(program)),
        elsewhere_(std::move(elsewhere)),
        on_serving_(std::move(on_serving)) {}
  ~ProcessUpgrade() override;

  core::Task<absl::StatusOr<std::vector<bool>>> Offer(Handover handover,
                                                      core::Duration timeout) override;
  core::Task<absl::Status> Commit() override;
  core::Task<void> Withdraw() override;
  pid_t successor() const override { return successor_; }

 private:
  core::Task<absl::Status> Start();
  core::Task<absl::StatusOr<std::vector<bool>>> Talk(const Handover& handover);
  core::Task<absl::Status> ReceiveHello();
  core::Task<absl::Status> SendSockets(const Handover& handover);
  core::Task<absl::Status> FinishTalk();
  template <typename T>
  core::Task<absl::StatusOr<T>> Receive();
  core::Task<absl::Status> GiveUp(absl::Status why);
  static absl::Status ToStatus(int error);

  const Program program_;
  const RunElsewhere elsewhere_;
  const std::function<core::Task<void>(pid_t)> on_serving_;
  std::shared_ptr<SuccessorProcess> process_;  // null: none is under way
  pid_t successor_ = 0;                        // of the last one
  int channel_ = -1;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_UPGRADE_H_
