// SimReactor: a worker's reactor over the simulated kernel. Each op goes one of two ways, by seed:
//
//   readiness style (epoll)       tried inside Submit; else parked, posted when there is something,
//                                 and tried again by the worker that runs its task
//   completion style (io_uring)   done behind the task's back at some Turn, seen at that one or a
//                                 later one; a recv brings several buffers until its credit is used
//                                 up; a cancel is a request that may come too late, and the op's
//                                 last completion waits for its answer; a recv that finds no buffer
//                                 is read in its task, into a block of the reserve
//
// What a Turn brings may be posted as another worker: that is what a task stolen at once looks
// like.
#ifndef SLUICE_TESTS_SIM_SIM_REACTOR_H_
#define SLUICE_TESTS_SIM_SIM_REACTOR_H_

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/reactor/accept_op.h"
#include "core/reactor/reactor.h"
#include "core/reactor/recv_op.h"
#include "tests/sim/kernel.h"

namespace sluice::sim {

class SimReactor final : public core::Reactor {
 public:
  SimReactor(Kernel& kernel, core::BufferPool& pool) : kernel_(kernel), pool_(pool) {}

  bool Submit(core::Op& op) override;
  void Cancel(core::Op& op) override;
  bool Retry(core::Op& op) override;
  core::IoResult<int> OpenSocket(int family) override;
  void Close(int fd) override;
  void Turn(std::optional<core::Duration> timeout, uint32_t limit) override;
  void Trim() override {}
  int64_t in_flight() const override { return in_flight_; }

  core::IoResult<int> Listen(const core::Address& address, const core::ListenOptions& options,
                             core::SocketFile& file) override;
  core::IoResult<int> Duplicate(int fd) override;
  core::IoResult<int> AcceptNow(int fd) override;
  size_t WaitingConnections(int fd, size_t most) override;
  core::IoResult<void> ShutdownWrite(int fd) override;
  void PrepareStream(int fd) override;
  core::IoResult<void> Configure(int, const core::SocketOptions&) override { return {}; }
  core::IoResult<void> BindSource(int, const core::Address&) override { return {}; }
  core::PathQuality GetPathQuality(int) override { return {}; }
  void SetResetOnClose(int fd) override;
  core::Delivery GetDelivery(int fd) override;
  size_t UnreadBytes(int fd) override;
  size_t ReadNow(int fd, std::span<std::byte> bytes) override;
  core::IoResult<size_t> PeekNow(int fd, std::span<std::byte> bytes) override;
  core::PeerState GetPeerState(int fd) override;
  int TakeError(int fd) override;
  core::Address LocalAddress(int fd) override;
  bool IsLocal(const core::Address&) override { return false; }
  core::Address PeerAddress(int fd) override;
  void RemoveSocketFile(const core::SocketFile&) override {}

  // The kernel: the op in `slot` can do something.
  void Ready(OpSlot& slot);
  // Whether a Turn would do anything.
  bool HasWork() const;
  bool starving() const { return !starved_.empty(); }

 protected:
  bool TryWake() override { return true; }

 private:
  enum class Attempt { kDone, kNotReady, kNoBuffer };
  // What Turn has to post.
  struct Completion {
    enum class Kind { kBuffer, kAccepted, kOp, kRetry, kReadInTask, kCancelDone };
    Kind kind;
    core::Op* op;
    core::Buffer* buffer = nullptr;
    core::Accepted* accepted = nullptr;
    bool more = false;
  };

  static SimReactor& OfCurrentWorker();

  bool Advance(core::Op& op);
  void Park(core::Op& op, bool starved);
  Attempt Perform(core::Op& op);
  Attempt PerformRecv(core::RecvOp& op);
  int64_t ReadFrom(Socket& socket, std::byte* bytes, size_t count);
  void PerformSend(core::Op& op);
  static std::span<std::byte> MemoryOf(const core::Op& op);
  void PerformRead(core::Op& op);
  void PerformWrite(core::Op& op);
  core::Buffer* TakeBuffer(const core::RecvOp& op);
  bool HasReserve() const;

  void Execute(OpSlot& slot);
  void ExecuteRecv(OpSlot& slot);
  void ExecuteAccept(OpSlot& slot);
  void EndBuffer(OpSlot& slot, core::Buffer& buffer);
  void End(OpSlot& slot, int32_t result);
  void TakeCancels();
  void CancelNow(core::Op& op);
  void Starve(OpSlot& slot);
  void FeedStarved();
  void RunReady();
  void Reap(uint32_t limit);
  void ReapOne(const Completion& completion);
  bool DropRef(core::Op& op);
  void Post(core::Runnable& task, core::Node& node);

  Kernel& kernel_;
  core::BufferPool& pool_;
  int64_t in_flight_ = 0;
  std::deque<OpSlot*> ready_;
  std::deque<OpSlot*> starved_;
  std::vector<core::Op*> cancels_;
  std::vector<int> closes_;
  std::deque<Completion> completions_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_SIM_REACTOR_H_
