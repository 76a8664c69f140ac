// Semaphore: a number of permits, and tasks that wait until they can have some of them.
//
//     core::Semaphore downloads(5);                  // at most five at a time
//
//     core::Task<void> Download(Url url) {
//       auto permit = co_await downloads.Acquire();  // or Acquire(3): three at once
//       if (!permit.ok()) co_return;                 // ECANCELED, or EPIPE: it was closed
//       co_await Fetch(url);
//     }                                              // the permit goes back here
//
// A Permit gives back what it holds when it goes, in any thread; Split, Merge and Forget change
// what that is. An OwnedPermit also keeps its semaphore alive:
//
//     auto memory = std::make_shared<core::Semaphore>(64 << 20);  // bytes
//     auto owned = co_await core::Semaphore::AcquireOwned(memory, size);
//
// Fair: first in, first out. A large request at the head is not overtaken by a small one that could
// be served, or it might wait for ever; TryAcquire does not overtake either. A request for more
// permits than there will ever be waits until it is cancelled.
//
// Errors: a wait ends with ECANCELED when its scope is cancelled: then it has taken nothing. A
// grant that came first is handed over. After Close every wait, also one that waits already, ends
// with EPIPE; permits that are out can still be given back.
//
// One word holds what is free and two marks. As long as no task waits, acquiring and releasing are
// one compare-exchange each:
//
//            Acquire finds too few free: it queues, under the mutex, and sets WAITING
//   OPEN ──────────────────────────────────────────────────────────────────────────► WAITING
//    │ ▲                                                                             │ │
//    │ └── the last waiter has been served or has given up, under the mutex ─────────┘ │
//    └───────────────► CLOSED ◄── Close, under the mutex: all waiters get EPIPE ───────┘
//
// Invariants
//   S1  WAITING is set if and only if a task waits (while the mutex is free).
//   S2  While WAITING is set only holders of the mutex change the word. So no task overtakes.
//   S3  Fewer permits are free than the first waiter wants (while the mutex is free).
// Memory orders: what a thread did before it released permits is seen by those who get them. The
// release of every change meets the acquire of the compare-exchange that takes; one that sets
// WAITING acquires, too, for it hands on by the mutex what was released before.
//
// The algorithm is that of Tokio's batch semaphore (one queue of requests, each for a number of
// permits, served in order under a lock), with a release that takes no lock when no task waits.
//
// Threads: any; waits inside a task. It outlives its Permits and the tasks that wait for it.
// Checked by: tests/core/sync/semaphore_test.cc (every order of cancellations, a storm),
// tests/model (semaphore_model_test.cc and, with planted mistakes, semaphore_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_SEMAPHORE_H_
#define SLUICE_CORE_SYNC_SEMAPHORE_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/holders.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

// Permits that are held. Owner: a pointer to the semaphore, or a std::shared_ptr.
template <typename Owner>
class [[nodiscard]] BasicPermit {
 public:
  BasicPermit() = default;  // holds none
  BasicPermit(BasicPermit&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  BasicPermit& operator=(BasicPermit&& other) noexcept {
    BasicPermit before(std::move(*this));
    owner_ = std::exchange(other.owner_, nullptr);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }
  // Inline, so that it costs nothing where it is known to hold none, as after a move.
  [[gnu::always_inline]] ~BasicPermit() {
    if (owner_ != nullptr) owner_->GiveBack(count_);
  }

  size_t count() const { return count_; }

  // Gives them back now.
  void Release() {
    if (owner_ != nullptr) owner_->GiveBack(count_);
    Drop();
  }

  // Never gives them back: there are fewer from now on. Returns how many they were.
  size_t Forget() {
    if (owner_ != nullptr && Holders::IsOn()) [[unlikely]]
      Holders::GivenBack(std::to_address(owner_), count_);
    return Drop();
  }

  // A permit for `count` of these, which this one holds no more.
  BasicPermit Split(size_t count) {
    SLUICE_CHECK_USE(count <= count_, "split off at most count() permits");
    count_ -= count;
    return BasicPermit(owner_, count);
  }

  // Holds those of `other`, too.
  void Merge(BasicPermit other) {
    SLUICE_CHECK_USE(owner_ == other.owner_,
                     "merge only permits of one semaphore, none of them empty");
    count_ += other.Drop();
  }

 private:
  friend class Semaphore;
  friend class PermitAwaiter;
  template <typename>
  friend class AcquireAwaiter;

  size_t Drop() {
    owner_ = nullptr;
    return std::exchange(count_, 0);
  }

  BasicPermit(Owner owner, size_t count) : owner_(std::move(owner)), count_(count) {}

  Owner owner_ = nullptr;
  size_t count_ = 0;
};

class PermitAwaiter;
template <typename Owner>
class AcquireAwaiter;

class Semaphore {
 public:
  using Permit = BasicPermit<Semaphore*>;
  using OwnedPermit = BasicPermit<std::shared_ptr<Semaphore>>;

  // How many permits there can be.
  static constexpr size_t kMaxPermits = SIZE_MAX >> 2;

  explicit Semaphore(size_t permits);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore();

  // `IoResult<Permit> permit = co_await semaphore.Acquire();`
  AcquireAwaiter<Semaphore*> Acquire(size_t count = 1);
  // `IoResult<OwnedPermit> permit = co_await Semaphore::AcquireOwned(semaphore);`
  static AcquireAwaiter<std::shared_ptr<Semaphore>> AcquireOwned(
      std::shared_ptr<Semaphore> semaphore, size_t count = 1);

  // Nothing if fewer are free, a task waits, or it is closed.
  std::optional<Permit> TryAcquire(size_t count = 1) {
    if (!TryTake(count)) return std::nullopt;
    return Permit(this, count);
  }
  static std::optional<OwnedPermit> TryAcquireOwned(std::shared_ptr<Semaphore> semaphore,
                                                    size_t count = 1) {
    if (!semaphore->TryTake(count)) return std::nullopt;
    return OwnedPermit(std::move(semaphore), count);
  }

  // Adds permits: those that were forgotten, or more than there were.
  void Release(size_t count) {
    uint64_t state = state_.load(std::memory_order_relaxed);
    do {
      if ((state & kWaiting) != 0) return ReleaseToWaiters(count);
      CheckMost(state, count);
    } while (!state_.compare_exchange_weak(state, state + (uint64_t{count} << kShift),
                                           std::memory_order_release, std::memory_order_relaxed));
  }

  // Every wait ends with EPIPE, from now on.
  void Close();
  // A thread that sees it sees what came before Close.
  bool closed() const { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }

  // For tests and logs: both may be another a moment later.
  size_t available() const { return state_.load(std::memory_order_acquire) >> kShift; }
  size_t waiting() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiters_.size(); }

 private:
  friend class PermitAwaiter;

  static constexpr uint64_t kWaiting = 1;
  static constexpr uint64_t kClosed = 2;
  static constexpr int kShift = 2;  // above: how many are free

  bool TryTake(size_t count) {
    uint64_t state = state_.load(std::memory_order_relaxed);
    while ((state & (kWaiting | kClosed)) == 0 && state >> kShift >= count) {
      if (state_.compare_exchange_weak(state, state - (uint64_t{count} << kShift),
                                       std::memory_order_acquire, std::memory_order_relaxed)) {
        if (Holders::IsOn()) [[unlikely]]
          Holders::Taken(this, count);
        return true;
      }
    }
    return false;
  }
  static void CheckMost(uint64_t state, size_t count) {
    SLUICE_CHECK_USE(count <= kMaxPermits - (state >> kShift),
                     "a semaphore has at most kMaxPermits: release what was acquired, once");
  }

  // Puts it into the queue; false: it has been granted or has failed at once.
  bool Queue(PermitAwaiter& waiter);
  void GiveUp(PermitAwaiter& waiter);
  template <typename>
  friend class BasicPermit;

  // Of a permit. One that was forgotten has no holder any more, nor have those that are new.
  void GiveBack(size_t count) {
    if (Holders::IsOn()) [[unlikely]]
      Holders::GivenBack(this, count);
    Release(count);
  }
  void ReleaseToWaiters(size_t count);
  void Serve(size_t free, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Atomic<uint64_t> state_;
  ThreadMutex mutex_;
  WaitList<PermitAwaiter> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

// A wait for permits; what is made of them is up to those who derive from it.
class PermitAwaiter : public WaitAwaiter {
 public:
  PermitAwaiter(Semaphore& semaphore, size_t count) : semaphore_(semaphore), count_(count) {}

  // What is free is taken on the spot, inline; all else is apart.
  template <typename Promise>
  [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    const bool may = !promise.scope->cancelled() && promise.task->ConsumeBudget();
    if (may && semaphore_.TryTake(count_)) [[likely]] {
      error_ = 0;
      return false;
    }
    return AwaitTurn(handle, may);
  }
  void OnReady() final {
    if (std::exchange(gives_way_, false) && Begin()) return;
    WaitAwaiter::OnReady();
  }
  const void* Resource() const final { return &semaphore_; }
  void Cancel() final {
    gives_way_ = false;
    semaphore_.GiveUp(*this);  // those behind it may be served now
  }

 protected:
  ~PermitAwaiter() = default;

  // In await_resume: 0 if it has the permits.
  int TakeError() {
    Resumed();
    return error_;
  }
  // Then, once.
  Semaphore::Permit TakePermit() { return Semaphore::Permit(&semaphore_, count_); }
  size_t count() const { return count_; }

 private:
  friend class Semaphore;

  template <typename Promise>
  [[gnu::noinline]] bool AwaitTurn(std::coroutine_handle<Promise> handle, bool may) {
    return Suspend(handle, [this, may] {
      if (may) return semaphore_.Queue(*this);
      // Its turn is over. It takes nothing before the next one: others could not have it meanwhile.
      gives_way_ = true;
      task().Post(*this);
      return true;
    });
  }
  // True: it is in the queue.
  bool Begin() {
    if (!semaphore_.TryTake(count_)) return semaphore_.Queue(*this);
    error_ = 0;
    return false;
  }

  Semaphore& semaphore_;
  const size_t count_;
  int error_ = ECANCELED;   // until it is granted, or fails otherwise
  bool gives_way_ = false;  // posted by itself
};

template <typename Owner>
class [[nodiscard]] AcquireAwaiter final : public PermitAwaiter {
 public:
  AcquireAwaiter(Owner owner, size_t count)
      : PermitAwaiter(*owner, count), owner_(std::move(owner)) {}

  IoResult<BasicPermit<Owner>> await_resume() {
    if (const int error = TakeError(); error != 0) return IoError(error);
    return BasicPermit<Owner>(std::move(owner_), count());
  }

 private:
  Owner owner_;
};

inline AcquireAwaiter<Semaphore*> Semaphore::Acquire(size_t count) {
  return AcquireAwaiter<Semaphore*>(this, count);
}
inline AcquireAwaiter<std::shared_ptr<Semaphore>> Semaphore::AcquireOwned(
    std::shared_ptr<Semaphore> semaphore, size_t count) {
  SLUICE_CHECK_USE(semaphore != nullptr, "pass the std::shared_ptr that owns the semaphore");
  return AcquireAwaiter<std::shared_ptr<Semaphore>>(std::move(semaphore), count);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_SEMAPHORE_H_
