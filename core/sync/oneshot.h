// Oneshot<T>: a channel for one value: one task or thread sends it, another one receives it. An
// answer to a request, the result of a callback.
//
//     auto [sender, receiver] = core::Oneshot<Answer>::Make();
//     requests.TrySend({question, std::move(sender)});
//     IoResult<Answer> answer = co_await receiver;    // EPIPE: the sender went without an answer
//
//     (void)request.sender.Send(Compute(request.question));   // never waits, in any thread
//
// One allocation, which both ends share; a value that is sent before it is awaited passes without a
// lock and without waking anything. One word has the states:
//
//   value     OPEN ── Send ──────────────► SENT ── the receiver takes it, or goes with it
//              │ └──── the sender goes ──► SENDER GONE: a receive brings EPIPE
//              └ Close, the receiver goes ► CLOSED: a Send gives its value back; Closed() ends
//   receiver  ── await ──► WAITS ── its scope is cancelled ──► waits no more
//                            └── the first of SENT, SENDER GONE and CLOSED wakes it
//
// Invariants
//   O1  SENT is not set after CLOSED. The value is the sender's until then, the receiver's after.
//   O2  receiver_ is written by the receiver before it sets WAITS, and read by the thread that sets
//       the first of the three; WAITS is neither set nor cleared after that.
// Memory orders: each change of the word is acq_rel, so what a thread wrote before its change is
// seen by the one that finds it: the value, receiver_, and what came before the send.
//
// Errors: a receive ends with the value; with EPIPE, no value will come; with ECANCELED, its scope
// was cancelled first: then nothing is lost, and the receiver can be awaited again. A value that
// comes together with the cancellation is handed over. Results are IoResult everywhere, and not
// std::optional, because two things can end a wait, and a caller does something else for each.
// Misuse is a failed check: to send twice, to receive what has been received, to receive twice at
// the same time.
//
// Algorithm: that of Tokio's oneshot, one word of state; a sender that waits for the end of the
// receiver is in a WaitList.
// Threads: each end is used by one at a time, any.
// Checked by: tests/core/sync/oneshot_test.cc (every order of cancellations, blocking ends),
// tests/model (channel_model_test.cc and, with planted mistakes, channel_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_ONESHOT_H_
#define SLUICE_CORE_SYNC_ONESHOT_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/blocking_wait.h"
#include "core/sync/send_result.h"
#include "core/sync/wait_list.h"
#include "core/task/frame_cache.h"

namespace sluice::core {

namespace internal {

template <typename T>
class OneshotState;

// A wait for the value.
template <typename T>
class OneshotWait : public WaitAwaiter {
 public:
  explicit OneshotWait(OneshotState<T>& state) : state(state) {}

  OneshotState<T>& state;
  bool begun = false;  // not in a cancelled scope

  void Wake() { this->task().Post(*this); }
  void Cancel() override {
    if (state.StopWaiting()) Wake();
  }

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

  // One is made for each request, as a rule: as often as a frame.
  static void* operator new(size_t size) { return FrameCache::Allocate(size); }
  static void operator delete(void* state, size_t size) { FrameCache::Free(state, size); }
  static void* operator new(size_t size, std::align_val_t alignment) {  // T is aligned like that
    return ::operator new(size, alignment);
  }
  static void operator delete(void* state, size_t size, std::align_val_t alignment) {
    ::operator delete(state, size, alignment);
  }

  // The sender, once. Takes `value` unless it returns an error.
  int Send(T& value) {
    uint32_t word = word_.load(std::memory_order_relaxed);
    if ((word & kClosed) != 0) return EPIPE;
    value_.emplace(std::move(value));
    do {
      if ((word & kClosed) != 0) {
        std::destroy_at(&value);  // T need not be assignable
        std::construct_at(&value, Take());
        return EPIPE;
      }
    } while (!word_.compare_exchange_weak(word, word | kSent, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    if ((word & kReceiverWaits) != 0) receiver_->Wake();
    return 0;
  }

  // The sender goes, or will not send.
  void EndSender() {
    const uint32_t word = word_.fetch_or(kSenderGone, std::memory_order_acq_rel);
    if ((word & (kReceiverWaits | kEnded)) == kReceiverWaits) receiver_->Wake();
  }

  // The receiver: what there is, 0, EPIPE or EAGAIN.
  int Look() const {
    const uint32_t word = word_.load(std::memory_order_acquire);
    if ((word & kSent) != 0) return 0;
    return (word & kEnded) != 0 ? EPIPE : EAGAIN;
  }
  T Take() { return *std::exchange(value_, std::nullopt); }

  // True: it will be woken. False: there is something.
  bool Queue(OneshotWait<T>& wait) {
    wait.begun = true;
    uint32_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kEnded) != 0) return false;
      SLUICE_CHECK_USE((word & kReceiverWaits) == 0,
                       "a task waits for this oneshot already: await it once");
      receiver_ = &wait;
    } while (!word_.compare_exchange_weak(word, word | kReceiverWaits, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return true;
  }
  // The receiver waits no more. False: it is being woken.
  bool StopWaiting() {
    uint32_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kEnded) != 0 || (word & kReceiverWaits) == 0) return false;
    } while (!word_.compare_exchange_weak(word, word & ~kReceiverWaits, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return true;
  }

  bool QueueClosed(ClosedWait& wait) {
    ThreadMutexLock lock(&mutex_);
    closed_waits_.Push(wait);
    if ((word_.fetch_or(kSenderWaits, std::memory_order_acq_rel) & kClosed) == 0) return true;
    closed_waits_.Remove(wait);
    wait.error = 0;
    return false;
  }
  bool closed() const { return (word_.load(std::memory_order_acquire) & kClosed) != 0; }

  // The receiver: no value can be sent any more; `drop`: it takes none either.
  void Close(bool drop) {
    const uint32_t word = word_.fetch_or(kClosed, std::memory_order_acq_rel);
    if (drop && (word & kSent) != 0) value_.reset();
    if ((word & (kReceiverWaits | kEnded)) == kReceiverWaits) receiver_->Wake();
    if ((word & kSenderWaits) == 0) return;
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    while (!closed_waits_.empty()) {
      ClosedWait& wait = *closed_waits_.Pop();
      wait.error = 0;
      woken.Add(wait);
    }
  }

 private:
  static constexpr uint32_t kSent = 1;
  static constexpr uint32_t kSenderGone = 2;
  static constexpr uint32_t kClosed = 4;
  static constexpr uint32_t kEnded = kSent | kSenderGone | kClosed;
  static constexpr uint32_t kReceiverWaits = 8;
  static constexpr uint32_t kSenderWaits = 16;

  Atomic<uint32_t> word_{0};
  OneshotWait<T>* receiver_ = nullptr;  // that waits: O2
  std::optional<T> value_;              // O1
  ThreadMutex mutex_;
  WaitList<ClosedWait> closed_waits_ ABSL_GUARDED_BY(mutex_){mutex_};
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
    explicit Awaiter(Receiver& receiver)
        : internal::OneshotWait<T>(receiver.state()), receiver_(receiver) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] { return this->state.Queue(*this) || this->GoOn(); });
    }
    bool WouldWait() const { return this->state.Look() == EAGAIN; }
    IoResult<T> await_resume() {
      this->Resumed();
      return receiver_.TakeResult(*this);
    }

   private:
    Receiver& receiver_;
  };

  // `IoResult<T> value = co_await receiver;`
  Awaiter operator co_await() { return Awaiter(*this); }

  // EAGAIN: nothing has been sent yet.
  IoResult<T> TryTake() {
    if (const int error = state().Look(); error != 0) return IoError(error);
    return Take();
  }

  // A thread that runs no tasks waits here.
  IoResult<T> BlockingTake() {
    internal::BlockingWait<internal::OneshotWait<T>> wait(state());
    wait.Run([&] { return state().Queue(wait); });
    return TakeResult(wait);
  }

  // From now on nothing can be sent; a value that has been sent can still be taken.
  void Close() {
    if (state_) state_->Close(/*drop=*/false);
  }

 private:
  friend struct Oneshot<T>;
  explicit Receiver(IntrusivePtr<internal::OneshotState<T>> state) : state_(std::move(state)) {}

  IoResult<T> TakeResult(const internal::OneshotWait<T>& wait) {
    if (!wait.begun) return IoError(ECANCELED);
    const int error = state().Look();  // EAGAIN: it was cancelled
    if (error != 0) return IoError(error == EAGAIN ? ECANCELED : error);
    return Take();
  }
  // With the value it has done what it is for: it need not tell that it goes.
  T Take() {
    T value = state().Take();
    state_ = {};
    return value;
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
