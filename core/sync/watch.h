// Watch<T>: a channel that has one value, the latest. Configuration that changes, a state that many
// tasks follow.
//
//     auto [sender, receiver] = core::Watch<Config>::Make(Config());   // both can be copied
//     sender.Send(LoadConfig());                                       // never waits
//     sender.SendIfModified([](Config& c) { return c.Apply(patch); }); // true: it has changed
//
//     while ((co_await receiver.Changed()).ok()) {                     // EPIPE: no sender is left
//       Reconfigure(receiver.Get());                                   // a copy
//     }
//     int limit = receiver.Borrow([](const Config& c) { return c.limit; });
//
// The value has a version, which counts what has been sent. A receiver knows the version that it
// has seen last: Changed() waits until there is a later one, and takes it as seen; what was sent
// between two looks is seen as one change. A receiver from Make has seen the value that it begins
// with; a copy has seen what its original has; one from Subscribe has seen what is there.
//
// Borrow calls a function with the value under the lock of the channel. It is not a guard, for that
// could be held across a co_await and stop all senders: keep the function short, and use no end of
// the same channel in it. BorrowAndUpdate and Get also take the version as seen.
//
// Bounded: one value. It stays for as long as the channel, also when one end has gone.
//
// Closed both ways: when the last Sender has gone, Changed() brings a last change that has not been
// seen and then EPIPE; the value can still be read. When the last Receiver has gone a sender's
// Closed() ends; Send goes on to replace the value, for there may be a Subscribe.
//
// Errors: EPIPE as above; ECANCELED, the scope was cancelled first: then the change has not been
// seen, and the next Changed() brings it. Results are IoResult as in all channels. To block a
// thread that runs tasks is a failed check.
//
// Algorithm: that of Tokio's watch (a version beside the value), with a lock that covers both.
// Threads: a Sender or Receiver is used by one at a time, any.
// Checked by: tests/core/sync/watch_test.cc (every order of cancellations, a storm).
#ifndef SLUICE_CORE_SYNC_WATCH_H_
#define SLUICE_CORE_SYNC_WATCH_H_

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/blocking_wait.h"
#include "core/sync/sender_ref.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

namespace internal {

// A wait for a change, or until the last receiver has gone.
class WatchWait : public WaitAwaiter {
 public:
  int error = ECANCELED;
  uint64_t version = 0;  // that it was woken for

  IoResult<void> Result() const {
    if (error != 0) return IoError(error);
    return {};
  }

 protected:
  ~WatchWait() = default;
};

template <typename T>
class WatchState final : public RefCounted {
 public:
  explicit WatchState(T value) : value_(std::move(value)) {}
  ~WatchState() override = default;

  void Send(T& value) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    std::swap(value_, value);  // the old one goes with the caller
    Changed(woken);
  }
  template <typename Modify>
  bool SendIfModified(Modify& modify) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    if (!modify(value_)) return false;
    Changed(woken);
    return true;
  }

  // `version` becomes that of the value.
  template <typename Look>
  decltype(auto) Borrow(Look& look, uint64_t& version) {
    ThreadMutexLock lock(&mutex_);
    version = version_;
    return look(std::as_const(value_));
  }
  template <typename Look>
  decltype(auto) Borrow(Look& look) {
    ThreadMutexLock lock(&mutex_);
    return look(std::as_const(value_));
  }

  // True: it is in the list. False: it has its error, or there is a version later than `seen`.
  bool QueueUnlessChanged(WatchWait& wait, uint64_t seen) {
    ThreadMutexLock lock(&mutex_);
    wait.version = version_;
    if (version_ != seen || senders_ == 0) {
      wait.error = version_ != seen ? 0 : EPIPE;
      return false;
    }
    receiver_waits_.Push(wait);
    return true;
  }
  bool QueueUnlessClosed(WatchWait& wait) {
    ThreadMutexLock lock(&mutex_);
    if (receivers_ == 0) {
      wait.error = 0;
      return false;
    }
    sender_waits_.Push(wait);
    return true;
  }

  uint64_t version() {
    ThreadMutexLock lock(&mutex_);
    return version_;
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
    if (--senders_ == 0) End(receiver_waits_, EPIPE, woken);
  }
  uint64_t AddReceiver() {
    ThreadMutexLock lock(&mutex_);
    ++receivers_;
    return version_;
  }
  void DropReceiver() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    if (--receivers_ == 0) End(sender_waits_, 0, woken);
  }

 private:
  void Changed(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++version_;
    End(receiver_waits_, 0, woken);
  }
  void End(WaitList<WatchWait>& waits, int error, Woken& woken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!waits.empty()) {
      WatchWait& wait = *waits.Pop();
      wait.error = error;
      wait.version = version_;
      woken.Add(wait);
    }
  }

  ThreadMutex mutex_;
  T value_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t senders_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t receivers_ ABSL_GUARDED_BY(mutex_) = 0;
  WaitList<WatchWait> receiver_waits_ ABSL_GUARDED_BY(mutex_){mutex_};
  WaitList<WatchWait> sender_waits_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace internal

template <typename T>
struct Watch {
  class Sender;
  class Receiver;

  static std::pair<Sender, Receiver> Make(T value) {
    auto state = MakeRef<internal::WatchState<T>>(std::move(value));
    return {Sender(state), Receiver(std::move(state))};
  }
};

template <typename T>
class Watch<T>::Receiver {
  using State = internal::WatchState<T>;

 public:
  Receiver() = default;  // can only be assigned to
  Receiver(const Receiver& other) : Receiver(other.state_) { seen_ = other.seen_; }
  Receiver(Receiver&& other) noexcept = default;
  Receiver& operator=(Receiver other) noexcept {
    std::swap(state_, other.state_);
    std::swap(seen_, other.seen_);
    return *this;
  }
  ~Receiver() {
    if (state_) state_->DropReceiver();
  }

  class ChangedAwaiter final : public internal::WatchWait {
   public:
    explicit ChangedAwaiter(Receiver& receiver) : receiver_(receiver) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] { return receiver_.Queue(*this) || this->GoOn(); });
    }
    IoResult<void> await_resume() {
      this->Resumed();
      return receiver_.TakeResult(*this);
    }

   private:
    Receiver& receiver_;
  };

  // `IoResult<void> changed = co_await receiver.Changed();` until there is a value that has not
  // been seen; then it counts as seen.
  [[nodiscard]] ChangedAwaiter Changed() { return ChangedAwaiter(*this); }

  // A thread that runs no tasks waits here.
  IoResult<void> BlockingChanged() {
    internal::BlockingWait<internal::WatchWait> wait;
    wait.Run([&] { return Queue(wait); });
    return TakeResult(wait);
  }

  bool has_changed() const { return state().version() != seen_; }

  // What `look(const T&)` returns, which runs under the lock. The value does not count as seen.
  template <typename Look>
  decltype(auto) Borrow(Look look) const {
    return state().Borrow(look);
  }
  template <typename Look>
  decltype(auto) BorrowAndUpdate(Look look) {
    return state().Borrow(look, seen_);
  }
  // A copy of the value, which counts as seen.
  T Get() {
    return BorrowAndUpdate([](const T& value) { return value; });
  }

 private:
  friend struct Watch<T>;
  friend class Sender;
  explicit Receiver(IntrusivePtr<State> state) : state_(std::move(state)) {
    if (state_) seen_ = state_->AddReceiver();
  }

  bool Queue(internal::WatchWait& wait) { return state().QueueUnlessChanged(wait, seen_); }
  IoResult<void> TakeResult(const internal::WatchWait& wait) {
    if (wait.error == 0) seen_ = std::max(seen_, wait.version);
    return wait.Result();
  }
  State& state() const {
    SLUICE_CHECK_USE(state_, "this receiver was moved from");
    return *state_;
  }

  IntrusivePtr<State> state_;
  uint64_t seen_ = 0;
};

template <typename T>
class Watch<T>::Sender {
  using State = internal::WatchState<T>;

 public:
  Sender() = default;  // can only be assigned to

  // Replaces the value and wakes those that wait for a change.
  void Send(T value) { state_->Send(value); }

  // `modify(T&)` runs under the lock and returns whether it has changed the value: if not, no
  // receiver is told. Returns the same.
  template <typename Modify>
  bool SendIfModified(Modify modify) {
    return state_->SendIfModified(modify);
  }

  template <typename Look>
  decltype(auto) Borrow(Look look) const {
    return state_->Borrow(look);
  }

  class ClosedAwaiter final : public internal::WatchWait {
   public:
    explicit ClosedAwaiter(State& state) : state_(state) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle,
                           [this] { return state_.QueueUnlessClosed(*this) || this->GoOn(); });
    }
    IoResult<void> await_resume() {
      this->Resumed();
      return this->Result();
    }

   private:
    State& state_;
  };

  // `IoResult<void> gone = co_await sender.Closed();` until no receiver is left, or ECANCELED.
  [[nodiscard]] ClosedAwaiter Closed() { return ClosedAwaiter(*state_); }

  // One more receiver, which has seen what is there.
  [[nodiscard]] Receiver Subscribe() { return Receiver(IntrusivePtr<State>(&*state_)); }

  // May be another a moment later.
  size_t receivers() const { return state_->receivers(); }

 private:
  friend struct Watch<T>;
  explicit Sender(IntrusivePtr<State> state) : state_(std::move(state)) {}

  internal::SenderRef<State> state_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_WATCH_H_
