// Duplex: a stream of bytes in memory, with two ends, for tests of what reads and writes streams.
//
//     auto [ours, theirs] = Duplex::Make(/*capacity=*/8);      // bytes on their way, each way
//     IoResult<size_t> sent = co_await ours.Write(bytes);      // at most 8 at once
//     IoResult<size_t> got = co_await theirs.Read(buffer);
//
//   OPEN ── Shutdown, or the end goes ──► ENDED: the other end reads what there is, then 0
//     └──── the other end goes ─────────► BROKEN: a write is EPIPE
//
// It keeps the laws of core/bytes/async_stream.h: what a read or a write moves is settled under one
// lock, so that one that is cut short has moved nothing. A read may bring less than there was room
// for, like a socket's; Faulty (faulty.h) makes it bring less on purpose, and fail.
//
// Threads: an end is one task's at a time; the two ends may be two tasks', on any workers.
// Checked by: tests/core/testing/duplex_test.cc.
#ifndef SLUICE_CORE_TESTING_DUPLEX_H_
#define SLUICE_CORE_TESTING_DUPLEX_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"
#include "core/sync/wait_list.h"

namespace sluice::core::testing {

// One direction.
class BytePipe {
 public:
  explicit BytePipe(size_t capacity) : capacity_(capacity) {}

  class Transfer : public WaitAwaiter {
   public:
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      outcome_ = IoError(ECANCELED);
      return Suspend(handle, [this] { return pipe_.Queue(*this) || GoOn(); });
    }
    IoResult<size_t> await_resume() {
      Resumed();
      return outcome_;
    }

   protected:
    explicit Transfer(BytePipe& pipe) : pipe_(pipe) {}
    ~Transfer() = default;

    BytePipe& pipe_;
    IoResult<size_t> outcome_ = IoError(ECANCELED);

   private:
    friend class BytePipe;
    // Moves what can be moved. False: it has to wait. Under the lock.
    virtual bool Move() = 0;
    virtual WaitList<Transfer>& list() = 0;
  };

  class Reading final : public Transfer {
   public:
    Reading(BytePipe& pipe, std::span<std::byte> bytes) : Transfer(pipe), bytes_(bytes) {}

   private:
    bool Move() override;
    WaitList<Transfer>& list() override;
    std::span<std::byte> bytes_;
  };

  class Writing final : public Transfer {
   public:
    Writing(BytePipe& pipe, std::span<const std::byte> bytes) : Transfer(pipe), one_(bytes) {}
    Writing(BytePipe& pipe, std::span<const std::span<const std::byte>> parts)
        : Transfer(pipe), parts_(parts) {}

   private:
    bool Move() override;
    WaitList<Transfer>& list() override;
    const std::span<const std::byte> one_;
    const std::span<const std::span<const std::byte>> parts_ = {&one_, 1};
  };

  void EndWriting();
  void EndReading();

  // Does it without waiting, on any thread; false: it would have to wait.
  bool MoveNow(Transfer& transfer);
  size_t size();  // bytes written and not read

 private:
  bool Queue(Transfer& transfer);
  void Serve(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t capacity_;
  absl::Mutex mutex_;
  std::deque<std::byte> bytes_ ABSL_GUARDED_BY(mutex_);
  bool written_ ABSL_GUARDED_BY(mutex_) = false;  // no more will come
  bool unread_ ABSL_GUARDED_BY(mutex_) = false;   // nothing will be read any more
  WaitList<Transfer> readers_{mutex_};
  WaitList<Transfer> writers_{mutex_};
};

class Duplex {
 public:
  static std::pair<Duplex, Duplex> Make(size_t capacity);

  Duplex(Duplex&& other) noexcept = default;
  Duplex& operator=(Duplex&& other) noexcept {
    std::swap(in_, other.in_);
    std::swap(out_, other.out_);
    return *this;
  }
  ~Duplex();

  BytePipe::Reading Read(std::span<std::byte> bytes) { return {*in_, bytes}; }
  BytePipe::Writing Write(std::span<const std::byte> bytes) { return {*out_, bytes}; }
  BytePipe::Writing WriteMany(std::span<const std::span<const std::byte>> parts) {
    return {*out_, parts};
  }
  Done<IoResult<void>> Shutdown() {
    out_->EndWriting();
    return Done(IoResult<void>());
  }

 private:
  Duplex(std::shared_ptr<BytePipe> in, std::shared_ptr<BytePipe> out)
      : in_(std::move(in)), out_(std::move(out)) {}

  std::shared_ptr<BytePipe> in_;
  std::shared_ptr<BytePipe> out_;
};
static_assert(AsyncStream<Duplex>);

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_DUPLEX_H_
