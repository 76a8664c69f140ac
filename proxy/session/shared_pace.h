// SharedPace: bytes per second that many flows share, fairly; PaceTurn: one flow's wait for its
// turn.
//
// A token bucket tells how much may be sent. No flow takes tokens before it may use them: a flow
// that leaves the queue leaves no debt behind, and the others go on as soon as there are tokens.
//
//   TryTake ── tokens, no flow waits ────────────────────────────────────────────► may send
//      │                                                                              ▲
//      └──► QUEUED ── the next in order ──► HEAD (its timer runs until there are  ────┤
//             │  └─ there are tokens already  tokens) ────────────────────────────────┘
//             └── cancelled: nothing was taken ──┴── cancelled: the next one becomes the head
//
// The order is that of start-time fair queueing (Goyal, Vin and Cheng, "Start-time fair queuing",
// 1996): every flow has a virtual time, which advances by the bytes that it was given. The flow
// that has had least comes first. A flow that did not wait begins one piece before the virtual time
// of the flow served last: it comes back for its next piece only after it has sent the one before,
// and must not lose what it is behind meanwhile. So each of n flows that always have something to
// send gets an n-th of the bytes, whatever the sizes of their pieces, and a flow that seldom sends
// waits for hardly more than one piece of each other flow.
//
// Invariants
//   I1  While any turn is QUEUED there is a HEAD, and it has a timer armed or has been posted.
//   I2  Only the HEAD's own task ends its being the head; a QUEUED turn leaves under the mutex.
//   I3  A turn is posted once after it has left the queue: as the head, or with its tokens, or
//       cancelled.
//
// Without a limit nothing is counted and no lock is taken; below the limit no lock is taken.
// Threads: any. Checked by: tests/proxy/session/shared_pace_test.cc, tests/sim.
#ifndef SLUICE_PROXY_SESSION_SHARED_PACE_H_
#define SLUICE_PROXY_SESSION_SHARED_PACE_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/time.h"
#include "core/sched/timer_wheel.h"
#include "core/sched/worker.h"
#include "core/task/runnable.h"
#include "core/task/task.h"
#include "core/time/token_bucket.h"

namespace sluice::proxy {

// How many bytes a flow takes at a time at `rate` bytes per second (0: no limit): 20 ms worth, from
// 512 bytes to 16 KiB; of a rate at which 16 KiB are nothing, 200 us' worth, up to 256 KiB. A limit
// that is never reached must not cut a large buffer into small sends, which cost twice as much.
inline uint64_t PieceAt(uint64_t rate) {
  constexpr uint64_t kMost = 256 << 10;
  if (rate == 0) return kMost;
  const uint64_t even = std::clamp<uint64_t>(rate / 50, 512, 16384);
  return std::clamp<uint64_t>(rate / 5000, even, kMost);
}

// What a flow has had of a SharedPace. Guarded by the pace's mutex.
struct PaceShare {
  uint64_t finish = 0;  // its virtual time, in bytes
};

class SharedPace {
 public:
  // 0: no limit.
  explicit SharedPace(uint64_t per_second) : bucket_(per_second), lag_(PieceAt(per_second)) {}
  ~SharedPace() { SLUICE_DCHECK(waiting() == 0); }

  bool limited() const { return bucket_.limited(); }
  uint64_t per_second() const { return bucket_.per_second(); }
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // True: the right to send `bytes` has been taken. False: wait for a Turn.
  bool TryTake(core::Instant now, size_t bytes) {
    return !limited() || (waiting() == 0 && bucket_.TryTake(now, bytes) == 0s);
  }

  // `bool may_send = co_await pace.Turn(share, bytes);` False: the scope was cancelled, nothing has
  // been taken. One turn of a share at a time.
  class PaceTurn;
  PaceTurn Turn(PaceShare& share, size_t bytes);

 private:
  struct FirstFirst {
    bool operator()(const PaceTurn* one, const PaceTurn* other) const;
  };

  std::optional<core::Duration> Join(PaceTurn& turn, core::Instant now);
  core::Duration Serve(PaceTurn& head, core::Instant now);
  void Grant(PaceTurn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PassOn(core::Instant now);
  bool Remove(PaceTurn& turn);

  core::TokenBucket bucket_;
  const uint64_t lag_;                 // bytes: how far a share may be behind when it joins
  core::Atomic<uint32_t> waiting_{0};  // QUEUED and HEAD; written under the mutex
  absl::Mutex mutex_;
  uint64_t virtual_time_ ABSL_GUARDED_BY(mutex_) = 0;  // of the one served last
  uint64_t turns_ ABSL_GUARDED_BY(mutex_) = 0;         // that have waited so far
  bool has_head_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<PaceTurn*, FirstFirst> queue_ ABSL_GUARDED_BY(mutex_);
};

class SharedPace::PaceTurn final : public core::Timer {
 public:
  PaceTurn(SharedPace& pace, PaceShare& share, size_t bytes)
      : pace_(pace), share_(share), bytes_(bytes) {}

  bool await_ready() {
    granted_ = pace_.TryTake(core::Worker::Current()->clock().Now(), bytes_);
    return granted_;
  }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    core::PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) return false;
    task_ = promise.task;
    waiter_ = handle;
    const core::Instant now = core::Worker::Current()->clock().Now();
    const std::optional<core::Duration> wait = pace_.Join(*this, now);
    if (wait == 0s) return false;
    scope_ = promise.scope;
    scope_->Enter(*this);
    if (wait) Arm(now + *wait);
    return true;
  }
  bool await_resume() {
    if (scope_ == nullptr) return granted_;
    scope_->Leave(*this);
    if (!granted_ || !scope_->cancelled()) return granted_;
    pace_.bucket_.GiveBack(bytes_);
    return false;
  }
  void OnReady() override;
  void Cancel() override;

 private:
  friend class SharedPace;

  void Arm(core::Instant deadline) {
    core::Worker::Current()->wheel().Arm(*this, deadline, *task_);
  }

  SharedPace& pace_;
  PaceShare& share_;
  const size_t bytes_;
  // Written under the mutex while it is QUEUED; the task's own before and after that.
  uint64_t start_ = 0;   // its place in the queue: virtual time ...
  uint64_t number_ = 0;  // ... and order of arrival
  bool queued_ = false;
  bool is_head_ = false;
  bool granted_ = false;
  core::Runnable* task_ = nullptr;
  core::CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

inline SharedPace::PaceTurn SharedPace::Turn(PaceShare& share, size_t bytes) {
  return PaceTurn(*this, share, bytes);
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SHARED_PACE_H_
