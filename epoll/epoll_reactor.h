// EpollReactor: the readiness backend. An op is a system call tried at once; after EAGAIN it waits
// on its descriptor, and the worker that runs its task after the edge tries again.
//
//   Submit ─► attempt ── done ───────────────────────────────────────► true
//               │ EAGAIN                    ▲
//               ▼                           │ OnReady ► Retry (on whatever worker)
//             register once, Park ── edge: Turn posts it ──┘
//               │ no buffer: starved_ ── a buffer is back: Turn posts it ──► Retry
//               │ edges are of no use: paused_ ── 10 ms: Turn posts it ──► Retry
//               │ it may wait for a disk: a thread makes the call, then posts it ──► Retry: done
//
// Cancel takes a waiting op out of the descriptor's word, of starved_ or of paused_ and posts it;
// when the edge was faster, Retry ends it instead of waiting again. A paused op is not in the word:
// edges do not end its pause.
//
// Threads: as core/reactor/reactor.h says. starved_ and paused_ are guarded by a mutex because
// Cancel may come from another worker. All reactors of a runtime share one DescriptorTable.
// Checked by: tests/contract.
#ifndef SLUICE_EPOLL_EPOLL_REACTOR_H_
#define SLUICE_EPOLL_EPOLL_REACTOR_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/time.h"
#include "core/reactor/accept_op.h"
#include "core/reactor/descriptor_notes.h"
#include "core/reactor/reactor.h"
#include "core/reactor/recv_op.h"
#include "core/reactor/wakeup.h"
#include "epoll/descriptor_table.h"

namespace sluice::epoll {

class EpollReactor final : public core::Reactor, private core::DescriptorNotes {
 public:
  // Resources exhausted: no descriptors left.
  static absl::StatusOr<std::unique_ptr<core::Reactor>> Make(std::shared_ptr<DescriptorTable> table,
                                                             core::BufferPool& pool);
  ~EpollReactor() override;

  bool Submit(core::Op& op) override;
  void Cancel(core::Op& op) override;
  bool Retry(core::Op& op) override;
  core::IoResult<int> OpenSocket(int family) override;
  void Close(int fd) override;
  void Turn(std::optional<core::Duration> timeout, uint32_t limit) override;
  void Trim() override;
  int64_t in_flight() const override { return waiting_; }

 protected:
  bool TryWake() override { return wakeup_.Wake(); }

 private:
  // What an attempt at an op came to. kInVain: not ready, and edges do not tell when.
  enum class Attempt { kDone, kNotReady, kNoBuffer, kInVain };

  EpollReactor(std::shared_ptr<DescriptorTable> table, core::BufferPool& pool, int epoll_fd,
               int wake_fd);

  bool Advance(core::Op& op);
  Attempt Perform(core::Op& op, Descriptor& descriptor);
  Attempt PerformRecv(core::RecvOp& op, Descriptor& descriptor);
  Attempt PerformSend(core::Op& op, Descriptor& descriptor);
  Attempt SendAgain(core::Op& op, Descriptor& descriptor);
  Attempt PerformConnect(core::Op& op);
  Attempt PerformAccept(core::AcceptOp& op, Descriptor& descriptor);
  Attempt PerformPoll(core::Op& op);
  Attempt PerformReadWrite(core::Op& op);
  Attempt PerformMessage(core::Op& op);
  Attempt PerformRecvInto(core::Op& op);
  bool WaitsForDisk(const core::Op& op);
  bool AdvanceCall(core::Op& op);
  bool Register(core::Op& op, Descriptor& descriptor);
  void Forget(int fd) override;
  void Starve(core::Op& op);
  bool FeedStarved();
  void Pause(core::Op& op);
  std::optional<core::Duration> EndPauses(std::optional<core::Duration> timeout, uint32_t& limit);
  void Dispatch(uint32_t events, uint64_t cookie);
  void PostRetry(core::Op& op);
  static EpollReactor& OfCurrentWorker();

  const std::shared_ptr<DescriptorTable> table_;
  core::BufferPool& pool_;
  const int epoll_fd_;
  core::Wakeup wakeup_;
  int64_t waiting_ = 0;  // parked here minus taken up here: the sum over all reactors is in flight
  absl::Mutex held_mutex_;
  core::NodeQueue starved_ ABSL_GUARDED_BY(held_mutex_);
  core::NodeQueue paused_ ABSL_GUARDED_BY(held_mutex_);
  // Their pause is over.
  core::NodeQueue due_ ABSL_GUARDED_BY(held_mutex_);
  bool has_starved_ = false;     // the owner's: starved_ may have something
  bool has_paused_ = false;      // the owner's: paused_ or due_ may have something
  core::Instant pause_ends_at_;  // the owner's: of all that are in paused_
};

}  // namespace sluice::epoll

#endif  // SLUICE_EPOLL_EPOLL_REACTOR_H_
