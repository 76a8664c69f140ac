// EndpointLimits: how many connections each endpoint of a cluster may have, and who waits for one;
// EndpointSlot: the place of one connection.
//
//     TryAcquire / WaitForRoom ── an endpoint has room ──────────────► EndpointSlot
//                 └── all are full ──► WAITING (first in, first out) ── a slot is given back ──┘
//
//   I1  active[i] <= max[i], also while a place passes from one holder to the next.
//   I2  No waiter accepts an endpoint that has room: a place that is given back goes to the waiter
//       that has waited longest among those who have not tried that endpoint yet. So whoever comes
//       later takes nothing from those who wait.
//   I3  Everybody who waits before the marker of an endpoint has tried that endpoint. The search for
//       who gets a place of it begins there, so that nobody is passed over twice: what the releases
//       of an endpoint walk is bounded by what was tried, however many wait. Who leaves the queue
//       leaves it in constant time.
//
//           waits, has tried 0 ── waits, has tried 0 ── [marker of 0] ── waits ── waits, has tried 0
//
// Without any limit in the configuration nothing is counted and no lock taken.
// Threads: any. Checked by: tests/proxy/upstream/endpoint_limits_test.cc, tests/model.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_LIMITS_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_LIMITS_H_

#include <coroutine>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"
#include "core/task/waiter_list.h"

namespace sluice::proxy {

class EndpointLimits;

// Gives its place back when it goes.
class EndpointSlot {
 public:
  EndpointSlot() = default;
  EndpointSlot(EndpointLimits* limits, uint32_t endpoint) : limits_(limits), endpoint_(endpoint) {}
  EndpointSlot(EndpointSlot&& other) noexcept
      : limits_(std::exchange(other.limits_, nullptr)), endpoint_(other.endpoint_) {}
  EndpointSlot& operator=(EndpointSlot&& other) noexcept {
    std::swap(limits_, other.limits_);
    std::swap(endpoint_, other.endpoint_);
    return *this;
  }
  ~EndpointSlot();

  bool valid() const { return limits_ != nullptr; }
  uint32_t endpoint() const { return endpoint_; }  // an index into the cluster's
  bool counted() const;  // somebody may wait for it: the connection is gone before it is given back

 private:
  EndpointLimits* limits_ = nullptr;
  uint32_t endpoint_ = 0;
};

class EndpointLimits {
 public:
  // One for each endpoint; 0: no limit.
  explicit EndpointLimits(std::vector<uint32_t> max);
  ~EndpointLimits();

  // The first endpoint from `first` on, in rotation, that is not in `tried` and has room. Not
  // valid: there is none.
  EndpointSlot TryAcquire(uint32_t first, std::span<const uint32_t> tried);

  // `EndpointSlot slot = co_await limits.WaitForRoom(first, tried);` The same, waiting for room.
  // Not valid: the scope was cancelled first. `tried` stays valid until then.
  class RoomAwaiter;
  RoomAwaiter WaitForRoom(uint32_t first, std::span<const uint32_t> tried);

 private:
  friend class EndpointSlot;
  static constexpr uint32_t kNone = UINT32_MAX;

  // What the queue consists of: those who wait, and the markers between them.
  class Entry : public core::Waiter {
   public:
    explicit Entry(bool is_marker) : is_marker(is_marker) {}
    const bool is_marker;
    Entry* previous = nullptr;  // WaiterList's

   protected:
    ~Entry() = default;
  };
  class Marker final : public Entry {
   public:
    Marker() : Entry(true) {}
    void OnReady() override {}
    void Cancel() override {}
  };

  uint32_t FindRoom(uint32_t first, std::span<const uint32_t> tried)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeOrQueue(RoomAwaiter& waiter);
  bool Unqueue(RoomAwaiter& waiter);
  // Takes out of the queue who has waited longest among those who accept `endpoint`. Null: nobody.
  RoomAwaiter* FindWaiter(uint32_t endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(uint32_t endpoint);

  const std::vector<uint32_t> max_;
  const bool limited_;
  absl::Mutex mutex_;
  std::vector<uint32_t> active_ ABSL_GUARDED_BY(mutex_);
  core::WaiterList<Entry> waiters_ ABSL_GUARDED_BY(mutex_);
  // Of each endpoint if there is a limit at all; in the queue once somebody has been passed over.
  std::vector<Marker> markers_ ABSL_GUARDED_BY(mutex_);
};

class EndpointLimits::RoomAwaiter final : public Entry {
 public:
  RoomAwaiter(EndpointLimits& limits, uint32_t first, std::span<const uint32_t> tried)
      : Entry(false), limits_(limits), first_(first), tried_(tried) {}

  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    core::PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) return false;
    task_ = promise.task;
    waiter_ = handle;
    if (limits_.TakeOrQueue(*this)) return false;
    scope_ = promise.scope;
    scope_->Enter(*this);
    return true;
  }
  EndpointSlot await_resume() {
    if (scope_ != nullptr) scope_->Leave(*this);
    return endpoint_ == kNone ? EndpointSlot() : EndpointSlot(&limits_, endpoint_);
  }
  void OnReady() override { waiter_.resume(); }
  void Cancel() override {
    if (limits_.Unqueue(*this)) task_->Post(*this);
  }

 private:
  friend class EndpointLimits;
  bool Accepts(uint32_t endpoint) const;

  EndpointLimits& limits_;
  const uint32_t first_;
  const std::span<const uint32_t> tried_;
  uint32_t endpoint_ = kNone;  // what it got; written before it is posted
  core::Runnable* task_ = nullptr;
  core::CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

inline EndpointLimits::RoomAwaiter EndpointLimits::WaitForRoom(uint32_t first,
                                                               std::span<const uint32_t> tried) {
  return RoomAwaiter(*this, first, tried);
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_LIMITS_H_
