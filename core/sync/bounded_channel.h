// BoundedChannel<T>: what the two ends of an Mpsc or an Mpmc share: a queue with so many slots, and
// two lists of those that wait. Internal; how it is used is told in mpsc.h and mpmc.h.
//
// Each of the `capacity` slots is free, reserved by a Permit, or filled. All of it is under one
// lock, which is held for a few moves; no value is destroyed under it, for what a value's
// destructor does may come back here.
//
//   slot      free ── Reserve ──► reserved ── Permit::Send ──► filled ── a receive ──► free
//              │                      └── the Permit goes ──► free ▲
//              └── Send ───────────────────────────────────────────┘
//
//   channel   OPEN ── Close, or the last receiver goes: Send brings EPIPE ──┐
//               └── the last sender goes ──────────────────────────────────┴─► ENDING ──► ENDED
//                                    no slot is filled or reserved any more: a receive brings EPIPE
//
// Invariants, while the lock is free
//   C1  filled + reserved <= capacity.
//   C2  If a receiver waits, no slot is filled, and the channel has not ended. So a value is handed
//       to the receiver that has waited longest, and takes no slot.
//   C3  If a sender waits, no slot is free, and the channel is open. So no sender overtakes.
// What waits is granted under the lock (W2, W3 in wait_list.h): a value is moved out of a waiting
// sender, or into a waiting receiver, exactly if its wait succeeds, cancelled or not.
//
// Threads: any.
// Checked by: tests/core/sync/mpsc_test.cc, tests/core/sync/mpmc_test.cc, tests/model
// (channel_model_test.cc and, with planted mistakes, channel_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_BOUNDED_CHANNEL_H_
#define SLUICE_CORE_SYNC_BOUNDED_CHANNEL_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/ring.h"
#include "core/sync/wait_list.h"

namespace sluice::core::internal {

// A wait for a slot: to put `value` there, or, if it is null, to reserve it.
template <typename T>
class SlotWait : public WaitAwaiter {
 public:
  explicit SlotWait(T* value) : value(value) {}
  T* const value;
  int error = ECANCELED;

 protected:
  ~SlotWait() = default;
};

// A wait for a value.
template <typename T>
class ItemWait : public WaitAwaiter {
 public:
  int error = ECANCELED;
  std::optional<T> value;

  IoResult<T> TakeResult() {
    if (error != 0) return IoError(error);
    return *std::move(value);
  }

 protected:
  ~ItemWait() = default;
};

template <typename T>
class BoundedChannel final : public RefCounted {
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  // `one_receiver`: a second receive at the same time is a failed check.
  BoundedChannel(size_t capacity, bool one_receiver)
      : capacity_(capacity), one_receiver_(one_receiver), ring_(capacity) {
    SLUICE_CHECK_USE(capacity > 0, "a channel needs a slot: a capacity of 1 is the smallest");
  }
  ~BoundedChannel() override = default;

  size_t capacity() const { return capacity_; }

  // Senders. A value is moved from exactly if the answer is 0.
  int TrySend(T& value) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    return TakeSlot(&value, woken);
  }
  int TryReserve() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    return TakeSlot(nullptr, woken);
  }
  // True: it is in the list. False: it has its slot or its error.
  bool SendOrQueue(SlotWait<T>& wait) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    wait.error = TakeSlot(wait.value, woken);
    if (wait.error != EAGAIN) return false;
    wait.error = ECANCELED;  // unless something else happens
    senders_.Push(wait);
    return true;
  }
  // Takes `value` unless it can be received no more.
  void SendReserved(T& value) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    --reserved_;
    if (receiver_count_ > 0) Deliver(std::move(value), woken);
    Serve(woken);
    EndReceives(woken);
  }
  void ReturnReserved() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    --reserved_;
    Serve(woken);
    EndReceives(woken);
  }

  // Receivers.
  int TryReceive(std::optional<T>& value) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    return TakeValue(value, woken);
  }
  // True: it is in the list. False: it has its value or its error.
  bool ReceiveOrQueue(ItemWait<T>& wait) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    SLUICE_CHECK_USE(!one_receiver_ || receivers_.empty(),
                     "a task receives already: an Mpsc has one receive at a time, an Mpmc many");
    wait.error = TakeValue(wait.value, woken);
    if (wait.error != EAGAIN) return false;
    wait.error = ECANCELED;  // unless something else happens
    receivers_.Push(wait);
    return true;
  }
  // Without the lock: whether a receive would wait; it may be otherwise a moment later.
  bool NothingToReceive() const { return !readable_.load(std::memory_order_relaxed); }
  // Appends what is there, at most `most`.
  void ReceiveMore(std::vector<T>& values, size_t most) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    const size_t count = std::min(most, ring_.size());
    for (size_t i = 0; i < count; ++i) values.push_back(ring_.Pop());
    if (count > 0) Serve(woken);
    NoteReadable();
  }

  // No more is sent; what has been sent can be received.
  void Close() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    CloseForSenders(woken);
    EndReceives(woken);
  }
  bool closed() {
    ThreadMutexLock lock(&mutex_);
    return closed_;
  }
  size_t size() {
    ThreadMutexLock lock(&mutex_);
    return ring_.size();
  }

  // The channel begins without ends.
  void AddSender() {
    ThreadMutexLock lock(&mutex_);
    ++sender_count_;
  }
  void DropSender() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    --sender_count_;
    EndReceives(woken);
  }
  void AddReceiver() {
    ThreadMutexLock lock(&mutex_);
    ++receiver_count_;
  }
  void DropReceiver() {
    Ring<T> dropped;  // goes when the lock has been released
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    if (--receiver_count_ > 0) return;
    CloseForSenders(woken);
    ring_.swap(dropped);
    NoteReadable();
  }

 private:
  size_t free() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return capacity_ - ring_.size() - reserved_;
  }

  // For a sender: 0, EPIPE, or EAGAIN.
  int TakeSlot(T* value, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (closed_) return EPIPE;
    if (free() == 0) return EAGAIN;  // also if one waits (C3)
    Fill(value, woken);
    return 0;
  }
  void Fill(T* value, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (value == nullptr) {
      ++reserved_;
    } else {
      Deliver(std::move(*value), woken);
    }
  }
  void Deliver(T&& value, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (receivers_.empty()) {
      ring_.Push(std::move(value));
      readable_.store(true, std::memory_order_relaxed);
      return;
    }
    ItemWait<T>& receiver = *receivers_.Pop();
    receiver.value.emplace(std::move(value));
    receiver.error = 0;
    woken.Add(receiver);
  }
  // Slots may have become free: those that wait for one get it.
  void Serve(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!senders_.empty() && free() > 0) {
      SlotWait<T>& sender = *senders_.Pop();
      Fill(sender.value, woken);
      sender.error = 0;
      woken.Add(sender);
    }
  }

  // For a receiver: 0, EPIPE, or EAGAIN.
  int TakeValue(std::optional<T>& value, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ring_.size() == 0) return ended() ? EPIPE : EAGAIN;
    value.emplace(ring_.Pop());
    Serve(woken);
    NoteReadable();
    return 0;
  }
  bool ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return (closed_ || sender_count_ == 0) && reserved_ == 0 && ring_.size() == 0;
  }
  void NoteReadable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    readable_.store(ring_.size() > 0 || ended(), std::memory_order_relaxed);
  }
  void EndReceives(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ended()) return;
    NoteReadable();
    while (!receivers_.empty()) {
      ItemWait<T>& receiver = *receivers_.Pop();
      receiver.error = EPIPE;
      woken.Add(receiver);
    }
  }
  void CloseForSenders(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    closed_ = true;
    while (!senders_.empty()) {
      SlotWait<T>& sender = *senders_.Pop();
      sender.error = EPIPE;
      woken.Add(sender);
    }
  }

  const size_t capacity_;
  const bool one_receiver_;
  ThreadMutex mutex_;
  Ring<T> ring_ ABSL_GUARDED_BY(mutex_);
  size_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
  WaitList<SlotWait<T>> senders_ ABSL_GUARDED_BY(mutex_){mutex_};
  WaitList<ItemWait<T>> receivers_ ABSL_GUARDED_BY(mutex_){mutex_};
  uint32_t sender_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t receiver_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Atomic<bool> readable_{false};  // a value is there, or the end; written under the lock
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_SYNC_BOUNDED_CHANNEL_H_
