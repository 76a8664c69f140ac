// Reactor: what a worker asks the kernel for, and how it hears the answers. One interface for the
// completion backend (io_uring), the readiness backend (epoll) and simulations.
//
// Every worker owns one reactor; an op goes to the reactor of the worker that runs its task.
// Descriptors are ordinary ones and belong to no reactor: the next op of a stolen task goes to the
// thief's.
//
// What a backend promises (tests/contract runs the same suite against all):
//   R1  One op per direction of a descriptor at a time; completions of an op come in order.
//   R2  Exactly one last completion per op in flight, also when it is cancelled in whatever state,
//       from whatever worker.
//   R3  No completion runs user code inside Submit, Cancel or Turn: nodes are posted, or Submit
//       answers true.
//   R4  A recv leases its buffer when data is there. An exhausted pool (and reserve) delays it, and
//       never fails it. When buffers are short, a recv that no coroutine waits for may end before
//       its credit is used.
//   R5  A recv brings its credit at most by less than one buffer more, then ends by itself.
//       An accept brings at most kAcceptsPerSubmit connections, one if it is one_by_one, then ends.
//   R6  Close and CloseNow are called only when no op of the descriptor is in flight. Close may be
//       delayed until the next Turn, CloseNow is not: the peer is told before it returns.
//   R7  Wake makes a Turn that waits, or else the next one that would, return early.
//   R8  Reads, writes and opens of files are not bound by R1: any number of them may be in flight
//       on a descriptor, and they may end in any order. A cancel of one may have to wait for it.
#ifndef SLUICE_CORE_REACTOR_REACTOR_H_
#define SLUICE_CORE_REACTOR_REACTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/atomic.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/op.h"

namespace sluice::core {

class BlockingCalls;

// Counted by the owning worker, read by any thread (relaxed): what explains a benchmark row.
struct ReactorCounters {
  Atomic<uint64_t> turns{0};        // calls of Turn
  Atomic<uint64_t> enters{0};       // system calls that wait or submit
  Atomic<uint64_t> ops{0};          // submitted
  Atomic<uint64_t> immediate{0};    // of these, done inside Submit
  Atomic<uint64_t> migrated{0};     // gone on with here after they had begun elsewhere
  Atomic<uint64_t> entries{0};      // handed to the kernel by an enter (io_uring)
  Atomic<uint64_t> completions{0};  // reaped: completions or readiness events
  Atomic<uint64_t> recvs{0};        // buffers received
  Atomic<uint64_t> received{0};     // bytes in them
  Atomic<uint64_t> starved{0};      // times that a recv had to wait for a buffer
  Atomic<uint64_t> reserved{0};     // buffers received into blocks of the reserve
  Atomic<uint64_t> stocked{0};      // now: empty buffers that the kernel holds (io_uring)
};

class Reactor : public SocketApi {
 public:
  // The reactor of the worker that the calling thread is, or null. Never keep the answer across a
  // co_await.
  static Reactor* Current();
  // Makes `reactor` the calling thread's, and `pool`, and its large one, the buffers that belong to
  // the thread. Null for both: the thread is no worker any more.
  static void SetCurrent(Reactor* reactor, const BufferPool* pool);

  // Starts `op` (op.task and the request are set). True: it is done already, op.result says how and
  // nothing is posted. The worker that runs the task.
  virtual bool Submit(Op& op) = 0;

  // See Op::Cancel. Any worker; `this` is op.reactor, which need not be the caller's.
  virtual void Cancel(Op& op) = 0;

  // Goes on with an op whose `retry` is set. True: done. Any worker, inside the task.
  virtual bool Retry(Op& op) = 0;

  // A stream socket as this backend wants it; AF_INET, AF_INET6 or AF_UNIX.
  virtual IoResult<int> OpenSocket(int family) = 0;

  virtual void Close(int fd) = 0;
  virtual void CloseNow(int fd) { Close(fd); }  // where Close is not delayed

  // Closes a listening socket for good, so that a connect is refused from now on, and before that
  // removes the file that its Listen made.
  void CloseListener(int fd, const SocketFile& file = {}) {
    RemoveSocketFile(file);
    CloseNow(fd);
  }

  // Submits what is queued, waits until something happens or `timeout` is over (0: not at all;
  // none: for ever), and posts what has happened, about `limit` things at most: the rest stays in
  // the kernel's queue, so that a worker's run queue does not overflow. The owner.
  virtual void Turn(std::optional<Duration> timeout, uint32_t limit) = 0;

  // Called now and then when the worker is about to wait: the moment to give memory back. The
  // owner.
  virtual void Trim() = 0;

  // Any thread. If the kernel refuses the signal, a worker tries again before its next wait, then
  // every kRetryWake; another thread, which has nothing else to do, until it succeeds.
  void Wake() {
    if (!TryWake()) [[unlikely]]
      OweWake();
  }

  // Ops that began to wait here less those that stopped waiting here. An op may do one here and the
  // other elsewhere: the sum over a runtime's reactors is what is in flight. The owner, or others
  // when it has stopped.
  virtual int64_t in_flight() const = 0;

  const ReactorCounters& counters() const { return counters_; }

  // Before it runs. Without them there are no ops on files.
  void set_blocking_calls(BlockingCalls* calls) { blocking_calls_ = calls; }

 protected:
  // Any thread. False: the kernel refused, and a sleeper sleeps on.
  virtual bool TryWake() = 0;

  // Gives the wake-ups that this worker owes to others. Returns for how long it may wait now.
  std::optional<Duration> GiveOwedWakes(std::optional<Duration> timeout) {
    return owed_wakes_.empty() ? timeout : RetryOwedWakes(timeout);
  }

  ReactorCounters counters_;
  BlockingCalls* blocking_calls_ = nullptr;

 private:
  static constexpr Duration kRetryWake = 5ms;

  void OweWake();
  std::optional<Duration> RetryOwedWakes(std::optional<Duration> timeout);

  std::vector<Reactor*> owed_wakes_;  // the owner's
};

// Inside a task, and not across a co_await: the reactor of the worker that runs it.
inline Reactor& CurrentReactor() { return *Reactor::Current(); }

// Makes a worker's reactor; called on the worker's own thread.
using ReactorFactory = std::function<absl::StatusOr<std::unique_ptr<Reactor>>(BufferPool& pool)>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_REACTOR_H_
