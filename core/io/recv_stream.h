// RecvStream: what a socket receives, buffer by buffer, at most `credit` bytes (and less than one
// buffer more) ahead of the reader: the next credit is asked for when all buffers of the last have
// been taken.
//
// It is awaited in place (Wait, Next and Stop hand out parts of it), for a session waits here most
// of its life and what an awaiter of its own held would be held as long.
#ifndef SLUICE_CORE_IO_RECV_STREAM_H_
#define SLUICE_CORE_IO_RECV_STREAM_H_

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base/result.h"
#include "core/io/op_wait.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/recv_op.h"
#include "core/task/task.h"

namespace sluice::core {

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
    template <typename Look>
    void ForEach(Look look) const {
      op_.ForEach(look);
    }
    void set_gathers() { op_.gathers = true; }
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
    // The end or an error came while no coroutine waited; the kernel tells an error only once.
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

  // In place, too, but for one number.
  class MoreAwaiter {
   public:
    MoreAwaiter(WaitAwaiter& wait, size_t seen) : wait_(wait), seen_(seen) { wait_.set_gathers(); }
    bool await_ready() const { return has_more(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return wait_.await_suspend(handle);
    }
    bool await_resume() {
      wait_.await_resume();
      return has_more();
    }

   private:
    bool has_more() const {
      size_t bytes = 0;
      wait_.ForEach([&bytes](const Buffer& buffer) { bytes += buffer.size; });
      return bytes > seen_;
    }

    WaitAwaiter& wait_;
    const size_t seen_;
  };

  // `IoResult<BufferLease> got = co_await stream.Next();` Empty: end of stream. After an end or an
  // error it is not called again, but after ECANCELED it may be. When a wait was cut short and
  // brought a buffer all the same, a later one may bring ECANCELED although its scope is not
  // cancelled.
  NextAwaiter& Next() { return wait_; }

  // The same in two steps: `co_await stream.Wait(); IoResult<BufferLease> got = stream.Take();`
  // What a co_await brings is part of the coroutine's frame from before the wait; this is not.
  WaitAwaiter& Wait() { return wait_; }
  IoResult<BufferLease> Take() { return wait_.Take(); }  // once after each Wait

  // For a reader that decides by all that has come before it takes any of it: `co_await
  // stream.More(seen)` waits until more than `seen` bytes have been received and not been taken,
  // and leaves them where they are. What comes is gathered: many small messages hold few buffers.
  // False: no more has come, for the stream is over or the wait was cut short; what Take brings
  // behind the bytes says which.
  MoreAwaiter More(size_t seen) { return MoreAwaiter(wait_, seen); }
  // Shows each buffer that has been received and not been taken, oldest first.
  template <typename Look>
  void ForEach(Look look) const {
    wait_.ForEach(look);
  }

  // What became of the last buffer: sent in one go, or the receiver could not take all of it. A
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

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RECV_STREAM_H_
