// Broadcast<T>: a channel in which every receiver gets every value. A chat room, a feed of events,
// a shutdown that says why.
//
//     auto [sender, receiver] = core::Broadcast<Line>::Make(100);  // a Sender can be copied
//     auto second = sender.Subscribe();                            // gets what is sent from now on
//     sender.Send(line);                                           // never waits
//
//     while (true) {
//       auto got = co_await receiver.Next();                       // IoResult<variant<T, Lagged>>
//       if (!got.ok()) break;                                      // EPIPE: no more will come
//       if (const auto* lagged = std::get_if<core::Lagged>(&*got)) {
//         Warn(lagged->missed);                                    // goes on with the oldest left
//       } else {
//         Show(std::get<Line>(*got));
//       }
//     }
//
// Bounded: the last `capacity` values are kept, in a ring that is allocated once (rounded up to a
// power of two slots), and a sender never waits: it overwrites the oldest. A receiver that was too
// slow for it is told once how many values it has missed, and then gets the oldest that is there.
//
//     position    0 ... oldest ................ next of a receiver ........ end
//                 gone │ at most `capacity` values: slot = position & mask │ to be written next
//                      └─ next < oldest: Lagged{oldest - next}, next = oldest
//
// A value is copied for each receiver and moved to the last one that it is for; then its slot is
// empty, so a value lives no longer than it is wanted. T can be copied; what is large is sent as a
// std::shared_ptr<const T>. The copy is made under the lock of the channel, by the receiver.
//
// Closed both ways: when the last Sender has gone a receiver gets what it has not seen and then
// EPIPE. When there is no receiver Send returns 0 and the value goes; one that subscribes later
// does not see it.
//
// Errors: EPIPE as above; ECANCELED, the scope was cancelled first: then nothing is lost, the value
// comes with the next receive. EAGAIN, only of TryNext: nothing there. Results are IoResult as in
// all channels. Misuse is a failed check: two receives of one Receiver at the same time, a capacity
// of 0, blocking a thread that runs tasks.
//
// Algorithm: the ring of Tokio's broadcast, with a count of those that a value is still for in each
// slot; one lock instead of one for the end and one for each slot.
// Threads: a Sender or Receiver is used by one at a time, any.
// Checked by: tests/core/sync/broadcast_test.cc (every order of cancellations, a storm).
#ifndef SLUICE_CORE_SYNC_BROADCAST_H_
#define SLUICE_CORE_SYNC_BROADCAST_H_

#include <bit>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/blocking_wait.h"
#include "core/sync/sender_ref.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

// What a receiver gets that was too slow: so many values it will never see.
struct Lagged {
  uint64_t missed;
};

namespace internal {

// Woken, a receiver looks what is there.
class NewsWait : public WaitAwaiter {
 public:
  bool woken = false;

 protected:
  ~NewsWait() = default;
};

template <typename T>
class BroadcastRing final : public RefCounted {
 public:
  using Item = std::variant<T, Lagged>;

  explicit BroadcastRing(size_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(capacity) - 1),
        slots_(std::make_unique<Slot[]>(mask_ + 1)) {
    SLUICE_CHECK_USE(capacity > 0, "a broadcast keeps a value: a capacity of 1 is the smallest");
  }
  ~BroadcastRing() override = default;

  // To how many receivers.
  size_t Send(T value) {
    std::optional<T> dropped;  // goes when the lock has been released
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    if (receivers_ == 0) return 0;
    if (end_ >= capacity_) SlotOf(end_ - capacity_).value.swap(dropped);
    Slot& slot = SlotOf(end_);
    slot.value.emplace(std::move(value));
    slot.unseen = receivers_;
    ++end_;  // behind what may throw
    WakeAll(woken);
    return receivers_;
  }

  // What comes at `next`, which moves on: an item, or EPIPE, or EAGAIN.
  int Read(uint64_t& next, std::optional<Item>& item) {
    ThreadMutexLock lock(&mutex_);
    return ReadLocked(next, item);
  }
  // The same, but waits instead of EAGAIN, and then returns true.
  bool ReadOrQueue(uint64_t& next, std::optional<Item>& item, int& error, NewsWait& wait) {
    ThreadMutexLock lock(&mutex_);
    error = ReadLocked(next, item);
    if (error != EAGAIN) return false;
    waiters_.Push(wait);
    return true;
  }

  // A receiver begins with the next value: returns where that will be.
  uint64_t AddReceiver() {
    ThreadMutexLock lock(&mutex_);
    ++receivers_;
    return end_;
  }
  // It will not read what comes from `next` on.
  void DropReceiver(uint64_t next) {
    uint64_t end = 0;
    {
      ThreadMutexLock lock(&mutex_);
      --receivers_;
      end = end_;
    }
    while (next < end) {
      std::optional<T> dropped;  // as in Send
      ThreadMutexLock lock(&mutex_);
      if (next < oldest()) next = oldest();
      while (next < end && !dropped.has_value()) {
        Slot& slot = SlotOf(next++);
        if (--slot.unseen == 0) slot.value.swap(dropped);
      }
    }
  }
  size_t receivers() {
    ThreadMutexLock lock(&mutex_);
    return receivers_;
  }

  void AddSender() {
    ThreadMutexLock lock(&mutex_);
    ++senders_;
  }
  void DropSender() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    if (--senders_ == 0) WakeAll(woken);
  }

 private:
  struct Slot {
    std::optional<T> value;
    size_t unseen = 0;  // by so many receivers
  };

  Slot& SlotOf(uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return slots_[position & mask_];
  }
  uint64_t oldest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return end_ > capacity_ ? end_ - capacity_ : 0;
  }
  int ReadLocked(uint64_t& next, std::optional<Item>& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (next == end_) return senders_ == 0 ? EPIPE : EAGAIN;
    if (next < oldest()) {
      item.emplace(Lagged{oldest() - next});
      next = oldest();
      return 0;
    }
    Slot& slot = SlotOf(next);
    if (slot.unseen == 1) {
      item.emplace(*std::move(slot.value));
      slot.value.reset();
    } else {
      item.emplace(*slot.value);
    }
    --slot.unseen;
    ++next;
    return 0;
  }
  void WakeAll(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!waiters_.empty()) {
      NewsWait& wait = *waiters_.Pop();
      wait.woken = true;
      woken.Add(wait);
    }
  }

  const size_t capacity_;
  const uint64_t mask_;
  ThreadMutex mutex_;
  const std::unique_ptr<Slot[]> slots_;       // what they have: under mutex_
  uint64_t end_ ABSL_GUARDED_BY(mutex_) = 0;  // how many have been sent
  size_t receivers_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t senders_ ABSL_GUARDED_BY(mutex_) = 0;
  WaitList<NewsWait> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace internal

template <typename T>
struct Broadcast {
  using Item = std::variant<T, Lagged>;

  class Sender;
  class Receiver;

  // `capacity`: how many values a receiver may be behind, at least 1.
  static std::pair<Sender, Receiver> Make(size_t capacity) {
    auto ring = MakeRef<internal::BroadcastRing<T>>(capacity);
    return {Sender(ring), Receiver(std::move(ring))};
  }
};

template <typename T>
class Broadcast<T>::Receiver {
  using Ring = internal::BroadcastRing<T>;

 public:
  Receiver() = default;  // can only be assigned to
  Receiver(Receiver&& other) noexcept = default;
  Receiver& operator=(Receiver other) noexcept {
    std::swap(ring_, other.ring_);
    std::swap(next_, other.next_);
    std::swap(waits_, other.waits_);
    return *this;
  }
  ~Receiver() {
    if (ring_) ring_->DropReceiver(next_);
  }

  class NextAwaiter final : public internal::NewsWait {
   public:
    explicit NextAwaiter(Receiver& receiver) : receiver_(receiver) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] {
        error_ = EAGAIN;
        return receiver_.ReadOrQueue(*this, item_, error_) || this->GoOn();
      });
    }
    IoResult<Item> await_resume() {
      this->Resumed();
      return receiver_.TakeResult(*this, item_, error_);
    }

   private:
    Receiver& receiver_;
    std::optional<Item> item_;
    int error_ = ECANCELED;  // EAGAIN: it has been in the list
  };

  // `IoResult<Item> got = co_await receiver.Next();` See above.
  [[nodiscard]] NextAwaiter Next() { return NextAwaiter(*this); }

  // EAGAIN: there is nothing that it has not seen.
  IoResult<Item> TryNext() {
    std::optional<Item> item;
    if (const int error = ring().Read(next_, item); error != 0) return IoError(error);
    return *std::move(item);
  }

  // A thread that runs no tasks waits here.
  IoResult<Item> BlockingNext() {
    std::optional<Item> item;
    int error = 0;
    internal::BlockingWait<internal::NewsWait> wait;
    wait.Run([&] { return ReadOrQueue(wait, item, error); });
    return TakeResult(wait, item, error);
  }

 private:
  friend struct Broadcast<T>;
  friend class Sender;
  explicit Receiver(IntrusivePtr<Ring> ring)
      : ring_(std::move(ring)), next_(ring_->AddReceiver()) {}

  bool ReadOrQueue(internal::NewsWait& wait, std::optional<Item>& item, int& error) {
    SLUICE_CHECK_USE(!waits_,
                     "one receive at a time: Subscribe, and have a Receiver for each task");
    waits_ = true;
    try {
      return ring().ReadOrQueue(next_, item, error, wait);
    } catch (...) {  // a copy of the value has thrown; it does not wait
      waits_ = false;
      throw;
    }
  }
  IoResult<Item> TakeResult(internal::NewsWait& wait, std::optional<Item>& item, int error) {
    if (error == ECANCELED) return IoError(ECANCELED);  // it did not begin
    waits_ = false;
    if (wait.woken) error = ring().Read(next_, item);
    if (error != 0) return IoError(error == EAGAIN ? ECANCELED : error);
    return *std::move(item);
  }
  Ring& ring() const {
    SLUICE_CHECK_USE(ring_, "this receiver was moved from");
    return *ring_;
  }

  IntrusivePtr<Ring> ring_;
  uint64_t next_ = 0;   // the position that it reads next
  bool waits_ = false;  // a receive is going on
};

template <typename T>
class Broadcast<T>::Sender {
  using Ring = internal::BroadcastRing<T>;

 public:
  Sender() = default;  // can only be assigned to

  // To all receivers that there are now; returns how many. 0: the value goes.
  size_t Send(T value) { return ring_->Send(std::move(value)); }

  // One more receiver, for what is sent from now on.
  [[nodiscard]] Receiver Subscribe() { return Receiver(IntrusivePtr<Ring>(&*ring_)); }

  // May be another a moment later.
  size_t receivers() const { return ring_->receivers(); }

 private:
  friend struct Broadcast<T>;
  explicit Sender(IntrusivePtr<Ring> ring) : ring_(std::move(ring)) {}

  internal::SenderRef<Ring> ring_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_BROADCAST_H_
