// EndpointQueue: gives sessions to the endpoints of an upstream, and holds the sessions that wait
// for one; EndpointSlot: the slot that one connection takes at its endpoint.
//
//     TryAcquire / WaitForSlot ── PickEndpoint ──── an endpoint is usable ──────► EndpointSlot
//                 └── none is ──► WAITING (first in, first out) ── a slot is released, or ──┘
//                                  │   ▲                           another set is published
//                                  │   └─┘ Forgive: it waits on; or one is usable now ───► slot
//                                  └──── tried in vain once more ◄── its place is kept ◄── slot
//
// A waiter accepts an endpoint that it has not tried, and whose priority has its turn (pick.h).
// When it is forgiven what it has tried it accepts, too, whatever one accepts that has tried
// nothing.
//
//   I1  active <= max_connections for every endpoint, also while a slot passes from one session to
//       the next. (If a set lowers the limit: as soon as enough sessions have ended.)
//   I2  No waiter accepts an endpoint that is usable: a slot that is released goes to the waiter
//       that has waited longest among those that accept that endpoint. So a session that comes
//       later takes nothing from those that wait.
//   I3  Every session that waits before the marker of an endpoint has tried that endpoint, and has
//       not been forgiven. The search for the session that gets a slot of it begins there, so that
//       none is passed over twice: what the releases of an endpoint walk is bounded by what was
//       tried, however many wait. (Not for an endpoint whose priority is not the best: those that
//       wait for a better one may be passed over again.) A session leaves the queue in constant
//       time.
//
//           waits, has tried e ── waits, has tried e ── [marker of e] ── waits ── waits, tried e
//
//       A session that is forgiven, and for which nothing is usable, brings back the markers of
//       those that it has tried, if they stand behind it: to directly in front of it. Which of two
//       stands in front is told by their tickets (queue_entry.h), so that it takes as long as it
//       has tried endpoints. Those behind it that have tried e may be passed over once more.
//
//           a, tried e ── b, tried e ── c, tried e ── [marker of e] ── d
//           a, tried e ── [marker of e] ── b, forgiven ── c, tried e ── d
//
//   I4  A session that leaves for an endpoint that it has tried before, and waits again when that
//       has failed again, is where it was: what it tries once more costs it no turn. Until then a
//       marker keeps its place (Place), and what is released goes to the next one. To come back
//       takes as long as to look for a usable endpoint: the markers of those that it has not tried
//       come back with it, as above.
//
//           a ── b, forgiven ── c      a ── [place of b] ── c      a ── b, tried e ── c
//
//       The search for a session steps over the places, so there are at most kMostPlaces: when
//       more sessions than that are away, the others come back to the end.
//
// Waiting sessions wait on the current set: Publish serves all that an endpoint of the new set can
// be given to. An endpoint that is in no set any more drains; the slots that it has given stay
// valid, and are released like others. When the upstream itself is gone (Close) no session waits
// any more: a free slot is still given, to connections that had come before.
//
// Where neither a limit, a ramp nor the policy of the set needs it, no lock is taken. When a set is
// published that needs it, the sessions that there are count from then on, those included that have
// begun without a lock (endpoint.h, I2), and a policy that takes the place of another one is told
// of all of them: no change of policy forgets a session, a limit or one that waits.
//
//                    a set that needs no number        a set that counts
//   begins           TryBegin, no lock ─── fails ────► under the lock: PickAndTake
//   ends             TryEnd, no lock ───── fails ────► under the lock: the next is served
//
// Threads: any; one at a time for Publish.
// Checked by: tests/proxy/upstream/endpoint_queue_test.cc, tests/proxy/upstream/forgive_test.cc,
// tests/proxy/upstream/place_test.cc, tests/model.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_H_

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/sync/wait_list.h"
#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/endpoint/current_set.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint/slow_start.h"

namespace sluice::proxy {

class EndpointQueue;

// When fewer than `percent` of the endpoints that are to take sessions are usable for health, those
// that sessions have ejected are used all the same. 0: never.
struct PanicRule {
  uint32_t percent = 0;
  bool ignores_checks = false;  // those that have failed their checks, too

  friend bool operator==(const PanicRule&, const PanicRule&) = default;
};

// Releases the slot when it goes.
class EndpointSlot {
 public:
  EndpointSlot() = default;
  // `endpoint` counts it as a session already; null: there is no slot.
  EndpointSlot(EndpointQueue& queue, Endpoint* endpoint) : queue_(&queue), endpoint_(endpoint) {}
  EndpointSlot(EndpointSlot&& other) noexcept
      : queue_(other.queue_), endpoint_(std::exchange(other.endpoint_, nullptr)) {}
  EndpointSlot& operator=(EndpointSlot&& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(endpoint_, other.endpoint_);
    return *this;
  }
  ~EndpointSlot();

  bool valid() const { return endpoint_ != nullptr; }
  Endpoint& endpoint() const { return *endpoint_; }  // of a valid one
  // Another session may wait for it: the connection is gone before it is released.
  bool counted() const { return endpoint_ != nullptr && endpoint_->is_counted(); }

 private:
  EndpointQueue* queue_ = nullptr;
  Endpoint* endpoint_ = nullptr;  // also one that has left since
};

class EndpointQueue {
 public:
  static constexpr uint32_t kMostPlaces = 4096;  // that are kept at the same time

  // The endpoints of its sets outlive them, those of the last one the queue. `workers`: how many
  // there are.
  EndpointQueue(uint32_t workers, std::shared_ptr<const EndpointSet> set);
  ~EndpointQueue();

  // The best usable endpoint that is not in `tried`. Not valid: there is none. On the thread of
  // `worker`.
  EndpointSlot TryAcquire(uint32_t worker, const PickRequest& request,
                          std::span<Endpoint* const> tried);

  // `EndpointSlot slot = co_await queue.WaitForSlot(request, tried);` The same, waiting for one.
  // Not valid: the scope was cancelled first, or the queue is closed. `tried` and `place` stay
  // valid until then.
  //
  // A session that is given what it has tried before leaves its place in `place`, if it has one; it
  // comes back to it when it waits with the same `place` again.
  class Place;
  class SlotAwaiter;
  SlotAwaiter WaitForSlot(const PickRequest& request, std::span<Endpoint* const> tried,
                          Place* place = nullptr);

  // What `waiter` has tried it may be given from now on, at once if that is usable. Nothing happens
  // if it does not wait (any more). Inside its task, while it is awaited.
  void Forgive(SlotAwaiter& waiter);

  // From now on these are the endpoints, and this is the policy.
  void Publish(std::shared_ptr<const EndpointSet> set);

  // The upstream is gone: those that wait go without a slot, and so do those that would wait.
  void Close();
  bool is_closed() const { return closed_.load(std::memory_order_relaxed); }

  // Lets endpoints on their ramps take as much as they may by now, also from sessions that wait.
  void RampUp(core::Instant now);

  // Health keeps sessions away from `endpoint` for these reasons (Endpoint::out) from now on; none:
  // it may have sessions, and those that wait get it at once.
  void SetOut(Endpoint& endpoint, uint8_t out);
  void SetPanic(const PanicRule& rule);
  bool is_in_panic() const { return is_in_panic_.load(std::memory_order_relaxed); }

  // Whether Measured is to be told how long connects and first answers take.
  bool measures_latency() const { return measures_latency_.load(std::memory_order_relaxed); }
  void Measured(Endpoint& endpoint, core::Duration latency, core::Instant now) {
    absl::MutexLock lock(&mutex_);
    set_->balancer().OnLatency(endpoint, latency, now);
  }

  // Members of the current set that take sessions, whether they have a free slot or not.
  uint32_t serving() const { return serving_.load(std::memory_order_relaxed); }

  // Sessions that wait now. It looks at all endpoints, if there are any such sessions.
  uint32_t waiting();

  // The current set: a reference for a moment, on the thread of `worker`; or for longer.
  const EndpointSet& SetOf(uint32_t worker) { return current_.Get(worker); }
  std::shared_ptr<const EndpointSet> ShareSet() const { return current_.Share(); }

 private:
  friend class EndpointSlot;

  enum class When : bool { kAtStart, kLater };
  void Configure(const EndpointSet& set, When when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `endpoint` leaves this set, or its sessions need not be counted any more.
  void StopCounting(Endpoint& endpoint, const EndpointSet& set)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts the sessions of the endpoints of `next`, and tells its policy of those that it does not
  // know of. Those that leave are not counted any more.
  void CountSessions(const EndpointSet& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After a change of what takes sessions.
  void ApplyHealth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Endpoint* PickAndTake(const PickRequest& request, std::span<Endpoint* const> tried)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take(Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False: it has to be picked under the lock.
  bool PickUncounted(uint32_t worker, const PickRequest& request, std::span<Endpoint* const> tried,
                     EndpointSlot& slot);
  bool TakeOrQueue(SlotAwaiter& waiter);
  void Grant(SlotAwaiter& waiter, Endpoint& endpoint, core::Woken& woken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether `waiter` would take a slot of it; and the best one that it would take now. Null: there
  // is none.
  bool Accepts(const SlotAwaiter& waiter, const Endpoint& endpoint) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Endpoint* PickFor(const SlotAwaiter& waiter) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It leaves the queue for a slot of `endpoint`, and comes back to its place.
  void TakeOut(SlotAwaiter& waiter, const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ComeBack(SlotAwaiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The marker of an endpoint that `waiter` does not rule out does not stay behind it (I3).
  void BringBack(QueueMarker& marker, SlotAwaiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // To directly in front of `behind`; null: to the end.
  void MoveMarker(QueueMarker& marker, SlotAwaiter* behind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the one out of the queue that has waited longest among those that accept `endpoint`.
  // Null: there is none.
  SlotAwaiter* FindWaiter(Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ServeWaiting(core::Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(Endpoint& endpoint);

  CurrentSet current_;
  core::Atomic<uint32_t> serving_{0};  // all of these are written under the lock
  core::Atomic<bool> is_in_panic_{false};
  core::Atomic<bool> closed_{false};
  core::Atomic<bool> measures_latency_{false};
  absl::Mutex mutex_;
  SlowStart slow_start_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const EndpointSet> set_ ABSL_GUARDED_BY(mutex_);
  PanicRule panic_ ABSL_GUARDED_BY(mutex_);
  core::WaitList<QueueEntry> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t places_ ABSL_GUARDED_BY(mutex_) = 0;  // that are in the queue
};

// The place of one session in the queue, while it is away; it is given up when this goes. Like a
// slot it goes before the queue does.
class EndpointQueue::Place {
 public:
  explicit Place(EndpointQueue& queue) : queue_(queue) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

 private:
  friend class EndpointQueue;
  EndpointQueue& queue_;
  QueueMarker marker_;  // in the queue while it is away, unless that is closed
};

class EndpointQueue::SlotAwaiter final : public QueueEntry {
 public:
  SlotAwaiter(EndpointQueue& queue, const PickRequest& request, std::span<Endpoint* const> tried,
              Place* place)
      : QueueEntry(false), queue_(queue), request_(request), tried_(tried), place_(place) {}

  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] { return !queue_.TakeOrQueue(*this); });
  }
  EndpointSlot await_resume() {
    Resumed();
    return std::move(slot_);
  }

 private:
  friend class EndpointQueue;
  bool HasTried(const Endpoint& endpoint) const;
  // It would not take a slot of it, whatever the priorities.
  bool RulesOut(const Endpoint& endpoint) const { return !is_forgiven_ && HasTried(endpoint); }

  EndpointQueue& queue_;
  const PickRequest request_;
  const std::span<Endpoint* const> tried_;
  Place* const place_;        // null: it keeps none
  bool is_forgiven_ = false;  // under the queue's lock
  EndpointSlot slot_;         // what it got; written before it is posted
};

inline EndpointQueue::SlotAwaiter EndpointQueue::WaitForSlot(const PickRequest& request,
                                                             std::span<Endpoint* const> tried,
                                                             Place* place) {
  return SlotAwaiter(*this, request, tried, place);
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_QUEUE_H_
