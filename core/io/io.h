// The awaitables over a Reactor: RecvStream, Send, Connect, AcceptStream, Poll.
//
// All are for use inside one task and run on whatever worker runs it. A wait in a cancelled scope
// ends with ECANCELED. Descriptors are the caller's; close one only when nothing of it is in flight
// (RecvStream::Stop).
#ifndef SLUICE_CORE_IO_IO_H_
#define SLUICE_CORE_IO_IO_H_

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/result.h"
#include "core/net/socket_api.h"
#include "core/reactor/op.h"
#include "core/reactor/reactor.h"
#include "core/sched/worker.h"
#include "core/task/task.h"

namespace sluice::core {

// Hands `op` to the reactor of the current worker. True: done at once.
inline bool SubmitHere(Op& op, Runnable& task) {
  op.task = &task;
  op.reactor = Reactor::Current();
  op.result = 0;
  op.in_flight = true;
  if (!op.reactor->Submit(op)) return false;
  op.in_flight = false;
  return true;
}

// Suspends the coroutine on an op, in its cancel scope.
class OpWait {
 public:
  // After it the op may be resumed at any time by the worker: the last act of await_suspend.
  void Begin(Op& op, std::coroutine_handle<> waiter, CancelScope* scope) {
    scope_ = scope;
    op.waiter = waiter;
    scope->Enter(op);
  }
  void End(Op& op) {
    if (scope_ != nullptr) std::exchange(scope_, nullptr)->Leave(op);
  }

 private:
  CancelScope* scope_ = nullptr;
};

// A single op: `IoResult<...> r = co_await Send(...)`.
template <typename Result>
class SingleOp {
 public:
  SingleOp(OpKind kind, int fd) : op_(kind, fd) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) {
      op_.result = -ECANCELED;
      return false;
    }
    if (SubmitHere(op_, *promise.task)) return false;
    wait_.Begin(op_, handle, promise.scope);
    return true;
  }
  IoResult<Result> await_resume() {
    wait_.End(op_);
    if (op_.result < 0) return IoError(-op_.result);
    if constexpr (std::is_void_v<Result>) {
      return {};
    } else {
      return static_cast<Result>(op_.result);
    }
  }

 protected:
  SingleShotOp op_;

 private:
  OpWait wait_;
};

// Bytes taken by the kernel: at least one, perhaps not all. `bytes` stays valid until the end.
class [[nodiscard]] Send : public SingleOp<size_t> {
 public:
  Send(int fd, std::span<const std::byte> bytes) : SingleOp(OpKind::kSend, fd) {
    op_.data = bytes.data();
    op_.size = static_cast<uint32_t>(bytes.size());
  }
};

// `address` stays valid until the end.
class [[nodiscard]] Connect : public SingleOp<void> {
 public:
  Connect(int fd, const Address& address) : SingleOp(OpKind::kConnect, fd) {
    op_.data = &address.any;
    op_.size = address.size;
  }
};

// Waits until a descriptor of any kind is ready for `events`: POLLIN, or POLLOUT, or 0, which waits
// until it is broken (POLLERR or POLLHUP; a peer that has only finished sending breaks nothing).
class [[nodiscard]] Poll : public SingleOp<uint32_t> {
 public:
  Poll(int fd, uint32_t events) : SingleOp(OpKind::kPoll, fd) { op_.events = events; }
};

// What a socket receives, buffer by buffer, at most `credit` bytes (and less than one buffer more)
// ahead of the reader: the next credit is asked for when all buffers of the last have been taken.
//
// It is awaited in place (Wait, Next and Stop hand out parts of it), for a session waits here most
// of its life and what an awaiter of its own held would be held as long.
class RecvStream {
 public:
  RecvStream(int fd, uint32_t credit) : wait_(fd, credit) {}

  class WaitAwaiter {
   public:
    WaitAwaiter(int fd, uint32_t credit) : op_(fd) {
      op_.result = kCreditUsed;
      op_.refill = credit;
    }
    bool await_ready() const { return op_.has_buffer(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      PromiseBase& promise = handle.promise();
      if (promise.scope->cancelled()) {
        op_.cut_short = true;
        return false;
      }
      if (!op_.in_flight) {
        if (over()) return false;
        op_.credit = op_.refill;
        if (SubmitHere(op_, *promise.task)) return false;
      }
      wait_.Begin(op_, handle, promise.scope);
      return true;
    }
    void await_resume() { wait_.End(op_); }
    void NoteSent(bool whole) {
      op_.whole_sends =
          whole ? static_cast<uint8_t>(std::min(op_.whole_sends + 1, kWholeSends)) : uint8_t{0};
    }
    IoResult<BufferLease> Take() {
      const bool cut_short = std::exchange(op_.cut_short, false);
      if (op_.has_buffer()) return op_.TakeBuffer();
      if (cut_short) return IoError(ECANCELED);
      if (op_.result < 0) return IoError(-op_.result);
      if (op_.result == kCreditUsed) return IoError(ECANCELED);  // an earlier wait was cut short
      return BufferLease();
    }

   protected:
    RecvOp op_;

   private:
    // The end or an error came while nobody waited; the kernel tells an error only once.
    bool over() const { return op_.result <= 0 && op_.result != -ECANCELED; }

    OpWait wait_;
  };

  class NextAwaiter : public WaitAwaiter {
   public:
    using WaitAwaiter::WaitAwaiter;
    IoResult<BufferLease> await_resume() {
      WaitAwaiter::await_resume();
      return Take();
    }
  };

  class StopAwaiter : public NextAwaiter {
   public:
    using NextAwaiter::NextAwaiter;
    bool await_ready() {
      op_.StartDraining();
      return !op_.in_flight;
    }
    void await_suspend(std::coroutine_handle<> handle) {
      op_.waiter = handle;
      op_.Cancel();
    }
    void await_resume() const noexcept {}
    int fd() const { return op_.fd; }
  };

  class HaltAwaiter : public StopAwaiter {
   public:
    using StopAwaiter::StopAwaiter;
    bool await_ready() const { return !op_.in_flight; }
    bool await_resume() const { return !op_.in_flight; }
  };

  // `IoResult<BufferLease> got = co_await stream.Next();` Empty: end of stream. After an end or an
  // error it is not called again, but after ECANCELED it may be. When a wait was cut short and
  // brought a buffer all the same, a later one may bring ECANCELED although its scope is not
  // cancelled.
  NextAwaiter& Next() { return wait_; }

  // The same in two steps: `co_await stream.Wait(); IoResult<BufferLease> got = stream.Take();`
  // What a co_await brings has room in the coroutine's frame from before the wait, this has not.
  WaitAwaiter& Wait() { return wait_; }
  IoResult<BufferLease> Take() { return wait_.Take(); }  // once after each Wait

  // What became of the last buffer: sent in one go, or the receiver had no room for all of it. A
  // stream whose reader is slow is read in small slices, so that it holds little when that stalls.
  void NoteSent(bool whole) { wait_.NoteSent(whole); }

  // Ends the stream: afterwards nothing is in flight and what was received and not taken has been
  // given back. Not cut short by cancellation. Has to be awaited before the stream is destroyed,
  // unless Next has brought an end or an error.
  StopAwaiter& Stop() { return wait_; }

  // Ends the stream and keeps what was received: `while (!co_await stream.Halt()) {}`, then Take
  // brings what was not taken, and at last the end, the error or ECANCELED. Not cut short by
  // cancellation. Afterwards it need not be stopped.
  HaltAwaiter& Halt() { return wait_; }

  int fd() const { return wait_.fd(); }

 private:
  HaltAwaiter wait_;
};

// The connections that arrive at a listening socket.
class AcceptStream {
 public:
  // `one_by_one`: take a connection from the kernel only when Next asks for it.
  explicit AcceptStream(int fd, bool one_by_one = false) : op_(fd) { op_.one_by_one = one_by_one; }

  class NextAwaiter {
   public:
    explicit NextAwaiter(AcceptOp& op) : op_(op) {}
    bool await_ready() const { return op_.has_connection(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      PromiseBase& promise = handle.promise();
      if (promise.scope->cancelled()) {
        cancelled_ = true;
        if (!op_.in_flight) return false;
        op_.waiter = handle;
        op_.Cancel();
        return true;
      }
      if (!op_.in_flight && SubmitHere(op_, *promise.task)) return false;
      wait_.Begin(op_, handle, promise.scope);
      return true;
    }
    IoResult<int> await_resume() {
      wait_.End(op_);
      if (op_.has_connection()) return op_.TakeConnection();
      if (cancelled_) return IoError(ECANCELED);
      return IoError(op_.result < 0 ? -op_.result : ECANCELED);
    }

   private:
    AcceptOp& op_;
    OpWait wait_;
    bool cancelled_ = false;
  };

  // The next descriptor, the caller's from now on. An error (EMFILE and the like) does not end the
  // stream: call Next again. In a cancelled scope it first brings what was accepted already, then
  // ECANCELED, and nothing is in flight any more: always read up to that.
  NextAwaiter Next() { return NextAwaiter(op_); }

  int fd() const { return op_.fd; }

 private:
  AcceptOp op_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_IO_H_
