// Oneshot<T>: a channel for one value: one task or thread sends it, another one receives it. An
// answer to a request, the result of a callback.
//
//     auto [sender, receiver] = core::Oneshot<Answer>::Make();
//     requests.TrySend({question, std::move(sender)});
//     IoResult<Answer> answer = co_await receiver;    // EPIPE: the sender went without an answer
//
//     (void)request.sender.Send(Compute(request.question));   // never waits, in any thread
//
// One allocation, which both ends share. The states of the channel, all under its lock:
//
//            Send: EPIPE for ever after if the receiver has gone
//   OPEN ─────────────────────────────────────────► SENT ── the receiver takes it ──► TAKEN
//    │ │                                              └── the receiver goes: the value goes
//    │ └── Sender goes ──► a receive brings EPIPE
//    └── Receiver::Close, or it goes ──► a Send gives its value back; Closed() ends
//
// Errors: a receive ends with the value; with EPIPE, no value will come; with ECANCELED, its scope
// was cancelled first: then nothing is lost, and the receiver can be awaited again. A value that
// comes together with the cancellation is handed over. Results are IoResult everywhere, and not
// std::optional, because two things can end a wait, and a caller does something else for each.
// Misuse is a failed check: to send twice, to receive what has been received, to receive twice at
// the same time.
//
// Algorithm: that of Tokio's oneshot, under a lock instead of a state word, on a WaitList.
// Threads: each end is used by one at a time, any.
// Checked by: tests/core/sync/oneshot_test.cc (every order of cancellations, blocking ends),
// tests/model (channel_model_test.cc and, with planted mistakes, channel_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_ONESHOT_H_
#define SLUICE_CORE_SYNC_ONESHOT_H_

#include <cerrno>
#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/sync/blocking_wait.h"
#include "core/sync/send_result.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

namespace internal {

// A wait for the value.
template <typename T>
class OneshotWait : public WaitAwaiter {
 public:
  int error = ECANCELED;
  std::optional<T> value;

 protected:
  ~OneshotWait() = default;
};

// A wait until the receiver has gone.
class ClosedWait : public WaitAwaiter {
 public:
  int error = ECANCELED;

 protected:
  ~ClosedWait() = default;
};

template <typename T>
class OneshotState final : public RefCounted {
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  ~OneshotState() override = default;

  // Takes `value` unless it returns an error.
  int Send(T& value) {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    if (closed_) return EPIPE;
    sender_done_ = true;
    if (receivers_.empty()) {
      value_.emplace(std::move(value));
      return 0;
    }
    OneshotWait<T>& receiver = *receivers_.Pop();
    receiver.value.emplace(std::move(value));
    receiver.error = 0;
    taken_ = true;
    woken.Add(receiver);
    return 0;
  }

  // The sender goes, or will not send.
  void EndSender() {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    sender_done_ = true;
    EndReceive(woken);
  }

  // True: it is in the list. False: it has its value or its error.
  bool TakeOrQueue(OneshotWait<T>& wait) {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK_USE(receivers_.empty(), "a task waits for this oneshot already: await it once");
    wait.error = TryTake(wait.value);
    if (wait.error != EAGAIN) return false;
    wait.error = ECANCELED;  // unless something else happens
    receivers_.Push(wait);
    return true;
  }
  int Take(std::optional<T>& value) {
    absl::MutexLock lock(&mutex_);
    return TryTake(value);
  }

  bool QueueClosed(ClosedWait& wait) {
    absl::MutexLock lock(&mutex_);
    if (closed_) {
      wait.error = 0;
      return false;
    }
    closed_waits_.Push(wait);
    return true;
  }
  bool closed() {
    absl::MutexLock lock(&mutex_);
    return closed_;
  }

  // No value can be sent any more; `drop`: nor can one be received.
  void Close(bool drop) {
    std::optional<T> dropped;  // goes when the lock has been released
    Woken woken;
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    if (drop) dropped.swap(value_);
    EndReceive(woken);
    while (!closed_waits_.empty()) {
      ClosedWait& wait = *closed_waits_.Pop();
      wait.error = 0;
      woken.Add(wait);
    }
  }

 private:
  int TryTake(std::optional<T>& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SLUICE_CHECK_USE(!taken_, "this oneshot has brought its value: make one for each value");
    if (value_.has_value()) {
      value.swap(value_);
      taken_ = true;
      return 0;
    }
    return closed_ || sender_done_ ? EPIPE : EAGAIN;
  }
  void EndReceive(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (receivers_.empty()) return;
    OneshotWait<T>& receiver = *receivers_.Pop();
    receiver.error = EPIPE;
    woken.Add(receiver);
  }

  absl::Mutex mutex_;
  WaitList<OneshotWait<T>> receivers_ ABSL_GUARDED_BY(mutex_){mutex_};
  WaitList<ClosedWait> closed_waits_ ABSL_GUARDED_BY(mutex_){mutex_};
  std::optional<T> value_ ABSL_GUARDED_BY(mutex_);
  bool sender_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace internal

template <typename T>
struct Oneshot {
  class Sender;
  class Receiver;

  static std::pair<Sender, Receiver> Make() {
    auto state = MakeRef<internal::OneshotState<T>>();
    return {Sender(state), Receiver(std::move(state))};
  }
};

template <typename T>
class Oneshot<T>::Sender {
 public:
  Sender() = default;  // as one that has sent
  Sender(Sender&& other) noexcept = default;
  Sender& operator=(Sender&& other) noexcept {
    Sender before(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
  }
  ~Sender() {
    if (state_) state_->EndSender();
  }

  // Once. EPIPE: the receiver has gone.
  SendResult<T> Send(T value) {
    const int error = state().Send(value);
    if (error == 0) state_ = {};
    return SendResult<T>::Of(error, value);
  }

  class ClosedAwaiter final : public internal::ClosedWait {
   public:
    explicit ClosedAwaiter(internal::OneshotState<T>& state) : state_(state) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] { return state_.QueueClosed(*this) || this->GoOn(); });
    }
    IoResult<void> await_resume() {
      this->Resumed();
      if (this->error != 0) return IoError(this->error);
      return {};
    }

   private:
    internal::OneshotState<T>& state_;
  };

  // `IoResult<void> gone = co_await sender.Closed();` until no value is wanted any more, or
  // ECANCELED. For work that need not be finished then. Not after Send.
  [[nodiscard]] ClosedAwaiter Closed() { return ClosedAwaiter(state()); }
  // Whether no value is wanted any more.
  bool closed() const { return state().closed(); }

 private:
  friend struct Oneshot<T>;
  explicit Sender(IntrusivePtr<internal::OneshotState<T>> state) : state_(std::move(state)) {}

  internal::OneshotState<T>& state() const {
    SLUICE_CHECK_USE(state_,
                     "this sender has sent, or was moved from: make a oneshot for each value");
    return *state_;
  }

  IntrusivePtr<internal::OneshotState<T>> state_;
};

template <typename T>
class Oneshot<T>::Receiver {
 public:
  Receiver() = default;  // can only be assigned to
  Receiver(Receiver&& other) noexcept = default;
  Receiver& operator=(Receiver&& other) noexcept {
    Receiver before(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
  }
  ~Receiver() {
    if (state_) state_->Close(/*drop=*/true);
  }

  class Awaiter final : public internal::OneshotWait<T> {
   public:
    explicit Awaiter(Receiver& receiver) : receiver_(receiver) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle,
                           [this] { return receiver_.state().TakeOrQueue(*this) || this->GoOn(); });
    }
    IoResult<T> await_resume() {
      this->Resumed();
      return receiver_.TakeResult(this->error, this->value);
    }

   private:
    Receiver& receiver_;
  };

  // `IoResult<T> value = co_await receiver;`
  Awaiter operator co_await() { return Awaiter(*this); }

  // EAGAIN: nothing has been sent yet.
  IoResult<T> TryTake() {
    std::optional<T> value;
    const int error = state().Take(value);
    return TakeResult(error, value);
  }

  // A thread that runs no tasks waits here.
  IoResult<T> BlockingTake() {
    internal::BlockingWait<internal::OneshotWait<T>> wait;
    wait.Run([&] { return state().TakeOrQueue(wait); });
    return TakeResult(wait.error, wait.value);
  }

  // From now on nothing can be sent; a value that has been sent can still be taken.
  void Close() {
    if (state_) state_->Close(/*drop=*/false);
  }

 private:
  friend struct Oneshot<T>;
  explicit Receiver(IntrusivePtr<internal::OneshotState<T>> state) : state_(std::move(state)) {}

  // With the value it has done what it is for: it needs not tell that it goes.
  IoResult<T> TakeResult(int error, std::optional<T>& value) {
    if (error != 0) return IoError(error);
    state_ = {};
    return *std::move(value);
  }
  internal::OneshotState<T>& state() const {
    SLUICE_CHECK_USE(state_,
                     "this receiver has brought its value, or was moved from: make a oneshot for "
                     "each value");
    return *state_;
  }

  IntrusivePtr<internal::OneshotState<T>> state_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_ONESHOT_H_
