// UringReactor: the completion backend. An op is a submission entry; its completions are reaped in
// Turn and posted to its task.
//
// kernel_refs counts what still knows an op: 1 for the op itself (in the kernel, or waiting here
// for a buffer) and 1 for every cancel under way. What takes it to zero, always on the reactor's
// own worker, posts the last completion. So a cancel that races with the completion can never meet
// the op's next life.
//
//   Submit ── refs 1 ──► IN KERNEL ── ENOBUFS ──► STARVED ── only the ring has some ──► IN KERNEL
//                           │  last completion       │ └─ the pool or the reserve has ──► ENDED,
//                           ▼                        │    posted: reads in its task (Retry)
//                         ENDED ── refs 0 ──► posted └─ cancel ──► LEAVING ── next turn ──► ENDED
//   A recv in bulk mode (core/reactor/recv_now.h), or one that is submitted when buffers are short,
//   waits IN KERNEL as a poll and reads in its task (Retry): it never holds more than one buffer.
//   A send that would wait does the same (uring_send.cc), and a receive of a message from a stream
//   is one with the poll that it waits for (uring_wait.cc): the kernel's own waiting gives up after
//   128 attempts in vain, and takes a thread of its own for each that goes on. A recv into memory
//   still may, and one into a buffer on kernels without a credit for multishot recv (before 6.17),
//   where a peer sends an urgent byte behind a gap; Ring bounds these threads.
//   A poll may begin with a pause (Op::drained); to all else it is one op IN KERNEL.
//   Cancel, own worker:   refs + 1, cancel entry        its completion: refs - 1, or once more
//   Cancel, another's:    refs + 1 unless 0, message    while the op is still IN KERNEL
//   One that a thread of the kernel runs is TOLD to give up; it ends when its call has returned. So
//   does one of a receive or a send whose pause is just ending.
//
// A turn enters the ring in one of two ways:
//
//   ASKING ── more than a turn's worth is left ──► WORKING OFF: submits, the kernel brings nothing
//      ▲                                               │
//      └── what was left at the last ASKING is reaped ─┘
//
//   Completions are reaped in their order, but for accepts: with more than a turn's worth in the
//   ring they go first (uring_accept.cc).
//
// Invariants
//   I1  refs > 0 exactly while the op is in flight here; it goes from 0 to 1 only in Submit.
//   I2  The op's node is posted once, at refs 0; buffers and accepted connections before it.
//   I3  Only this worker enters the ring, decrements refs, and reads or writes Op::state.
//
// Memory orders: refs is changed by acq_rel operations only: the remote canceller's increment and
// the owner's decrements form one order.
// Threads: as core/reactor/reactor.h says. Checked by: tests/contract, tests/model.
#ifndef SLUICE_IOURING_URING_REACTOR_H_
#define SLUICE_IOURING_URING_REACTOR_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/reactor/accept_op.h"
#include "core/reactor/reactor.h"
#include "core/reactor/recv_op.h"
#include "core/reactor/wakeup.h"
#include "iouring/probe.h"
#include "iouring/ring.h"

namespace sluice::iouring {

class UringReactor final : public core::Reactor {
 public:
  // On the worker's own thread.
  static absl::StatusOr<std::unique_ptr<core::Reactor>> Make(const Features& features,
                                                             core::BufferPool& pool);
  ~UringReactor() override;

  bool Submit(core::Op& op) override;
  void Cancel(core::Op& op) override;
  bool Retry(core::Op& op) override;
  core::IoResult<int> OpenSocket(int family) override;
  void Close(int fd) override;
  void CloseNow(int fd) override;
  void Turn(std::optional<core::Duration> timeout, uint32_t limit) override;
  void Trim() override;
  int64_t in_flight() const override { return in_flight_; }

 protected:
  bool TryWake() override { return wakeup_.Wake(); }

 private:
  UringReactor(const Features& features, core::BufferPool& pool, std::unique_ptr<Ring> ring,
               int wake_fd);

  void Enqueue(core::Op& op);
  void EnqueueRecv(core::RecvOp& op);
  bool ReadInTask(core::RecvOp& op);
  bool SendNow(core::Op& op);
  bool SendInTask(core::Op& op);
  void WaitToSend(core::Op& op);
  void Pause(core::Op& op);
  bool ReceiveAgain(core::Op& op, int32_t result);
  bool ReceiveNow(core::Op& op);
  void Track(core::Op& op);
  void EnqueueCancel(core::Op& op);
  bool ConnectLocal(core::Op& op);
  void StartCancel(core::Op& op);
  void TakeRemoteCancels();
  void ArmWake();
  void FillBufferRing();
  core::Buffer& TakeFromRing(uint32_t id);
  // Buffers are short, and the kernel has none: a recv that is submitted waits without one.
  bool ReadsFrugally() const { return pool_.pressed() && buffers_in_ring_ == 0; }
  void Starve(core::Op& op);
  void Leave(core::Op& op);
  bool LetGoOfLeaving();
  uint32_t FeedStarved(uint32_t limit, bool& again);
  void PostRetry(core::Op& op);
  uint32_t Reap(uint32_t limit);
  void TakeAccepts();
  void TakeNewAccepts();
  void OnCompletion(uint64_t user_data, int32_t result, uint32_t flags);
  // A cancel of it is under way, or the kernel has told of one.
  static bool HasCancel(const core::Op& op);
  bool GoesOn(core::Op& op, int32_t& result);
  void OnCall(core::Op& op, int32_t result);
  void OnSend(core::Op& op, int32_t result, uint32_t flags);
  void OnWritable(core::Op& op, int32_t result, uint32_t flags);
  std::optional<int32_t> PollEnd(core::Op& op, uint32_t events, int32_t result, uint32_t flags);
  void OnPoll(core::Op& op, int32_t result, uint32_t flags);
  void OnReadable(core::RecvOp& op, int32_t result);
  void OnRecv(core::RecvOp& op, int32_t result, uint32_t flags);
  void OnAccept(core::AcceptOp& op, int32_t result, uint32_t flags);
  void OnCancel(core::Op& op, int32_t result);
  void End(core::Op& op, int32_t result);
  bool DropRef(core::Op& op);

  const Features features_;
  core::BufferPool& pool_;
  const std::unique_ptr<Ring> ring_;
  core::Wakeup wakeup_;
  int64_t in_flight_ = 0;
  std::vector<core::Buffer*> in_ring_;  // by id, as many as it may hold; null: the id is free
  std::vector<uint16_t> free_ids_;
  size_t buffers_in_ring_ = 0;
  size_t buffers_wanted_;       // how many to keep in the ring: grows when it is exhausted
  bool was_exhausted_ = false;  // since the ring was filled
  size_t fewest_in_ring_;       // since the last Trim
  uint64_t recvs_at_trim_ = 0;  // at the last Trim
  uint32_t backlog_ = 0;        // not reaped of what was there when the kernel last brought more
  uint32_t scanned_ = 0;        // where in the ring's completions TakeAccepts has come to
  bool accepts_wait_ = false;   // an accept that is armed again finds the next one at once
  core::NodeQueue starved_;
  bool leaving_ = false;  // some of them are
  absl::Mutex remote_mutex_;
  std::vector<core::Op*> remote_cancels_ ABSL_GUARDED_BY(remote_mutex_);
  core::Atomic<bool> has_remote_cancels_{false};
};

}  // namespace sluice::iouring

#endif  // SLUICE_IOURING_URING_REACTOR_H_
