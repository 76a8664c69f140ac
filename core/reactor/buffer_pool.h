// BufferPool: a worker's fixed set of equal buffers; BufferReserve: the last resort of all workers;
// BufferLease: a buffer of either, held.
//
// A buffer is leased only when data is there and given back when it has been sent, so an idle
// connection holds none. The free list is last in, first out: the buffer used next is the one still
// in the cache. Memory is reserved at the start and touched on first use; headers too.
//
//   FRESH ── Take ──► LEASED ── Release, owner ──► FREE(local) ── Take ──► LEASED
//                        └────── Release, other thread ──► FREE(remote) ── Take finds the local
//                                list empty, or CollectRemote ──► FREE(local)
//
// Invariants
//   I1  leased + free(local) + free(remote) + fresh = count.
//   I2  Only the owner touches the local list; others push on the remote stack (a Treiber stack
//       that is only ever emptied as a whole, so ABA cannot happen).
//   I3  An owner that found the pool exhausted and set `wanted` is woken after the next release:
//       the releaser pushes, fences, looks at `wanted`; the owner sets it, fences, looks at the
//       stack.
// Threads: Take, CollectRemote, SetWanted: the owner. Release: any.
// Checked by: tests/core/reactor/buffer_pool_test.cc, tests/model.
#ifndef SLUICE_CORE_REACTOR_BUFFER_POOL_H_
#define SLUICE_CORE_REACTOR_BUFFER_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/task/runnable.h"

namespace sluice::core {

class BufferPool;
class BufferReserve;
class RecvOp;

// A buffer's header. As a Node it carries received bytes to the task of the recv.
class alignas(64) Buffer final : public Node {
 public:
  void OnReady() override;  // hands itself to `receiver` (op.cc)
  // Gives it back to where it comes from; `owner`: the caller is the owner of its pool.
  void GiveBack(bool owner);

  std::byte* data = nullptr;         // constant
  BufferPool* pool = nullptr;        // constant; null: the reserve's
  BufferReserve* reserve = nullptr;  // constant; null: a pool's
  RecvOp* receiver = nullptr;        // between completion and OnReady
  uint32_t capacity = 0;             // bytes; constant
  uint32_t size = 0;                 // bytes received
  uint32_t index = 0;                // in the pool; constant
  bool last = false;                 // the recv ends with this buffer; it has to be submitted again
  bool touched = false;              // its memory may be in use; the owner's
};
static_assert(sizeof(Buffer) == 64);

// Move-only; gives the buffer back when it goes. Empty means end of stream.
class [[nodiscard]] BufferLease {
 public:
  BufferLease() = default;
  explicit BufferLease(Buffer* buffer) : buffer_(buffer) {}
  BufferLease(BufferLease&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferLease& operator=(BufferLease&& other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferLease() { Return(); }

  bool empty() const { return buffer_ == nullptr; }
  // It is one of the reserve: buffers are short.
  bool is_reserve() const { return buffer_ != nullptr && buffer_->pool == nullptr; }
  std::span<const std::byte> bytes() const {
    return buffer_ == nullptr ? std::span<const std::byte>()
                              : std::span<const std::byte>(buffer_->data, buffer_->size);
  }
  // Gives the buffer back now.
  void Return();

 private:
  Buffer* buffer_ = nullptr;
};

// Small blocks that are set aside for the time when a pool has no buffer. A direction of a session
// reads into one only while it holds nothing else (core/reactor/recv_now.h), so that with a block
// for every direction a session that can move always moves, whatever others hold.
//
// One for all workers, under a mutex: it is used only when buffers are short. A block's header
// stands at its beginning; memory is touched late, and given back when no block is held.
// Threads: any. Checked by: tests/core/reactor/buffer_reserve_test.cc.
class BufferReserve {
 public:
  // `count` blocks of `block_size` bytes, their headers included. Without address space for them
  // there are none: see `count`.
  BufferReserve(size_t count, size_t block_size);
  BufferReserve(const BufferReserve&) = delete;
  BufferReserve& operator=(const BufferReserve&) = delete;
  ~BufferReserve();

  Buffer* Take();  // null: all are taken
  void Release(Buffer* buffer);

  size_t count() const { return count_; }
  uint32_t capacity() const { return capacity_; }  // bytes that a block holds
  size_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  const size_t block_size_;
  const uint32_t capacity_;
  size_t count_ = 0;
  std::byte* memory_ = nullptr;
  absl::Mutex mutex_;
  Buffer* free_ ABSL_GUARDED_BY(mutex_) = nullptr;
  size_t fresh_ ABSL_GUARDED_BY(mutex_) = 0;  // the first block that has never been taken
  Atomic<size_t> taken_{0};                   // written under the mutex
};

class BufferPool {
 public:
  static constexpr size_t kTrimAtOnce = 1024;

  // `count` buffers of `buffer_size` bytes. `wake_owner` is called by a releasing thread when the
  // owner wants buffers. Whether the address space could be had is told by `reserved`.
  BufferPool(size_t count, size_t buffer_size, std::function<void()> wake_owner);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // The owner. Null: the pool is exhausted.
  Buffer* Take() {
    if (free_ == nullptr) CollectRemote();
    Buffer* buffer = free_;
    if (buffer == nullptr) {
      if (fresh_ == count_) return nullptr;
      buffer = MakeFresh();
    } else {
      free_ = static_cast<Buffer*>(buffer->next);
    }
    Touch(*buffer);
    most_taken_ = std::max(most_taken_, ++taken_);
    return buffer;
  }

  // Any thread; `owner` says that it is the owning worker's.
  void Release(Buffer* buffer, bool owner);

  // The owner: moves what others gave back to the local list.
  void CollectRemote();

  // The owner: whether it is to be woken by the next Release from elsewhere. After setting it, look
  // once more with Take.
  void SetWanted(bool wanted) {
    wanted_.store(wanted, std::memory_order_relaxed);
    AtomicFence(std::memory_order_seq_cst);
  }

  // The owner, now and then when it has nothing else to do: gives the memory of buffers that were
  // not used since the last call back to the kernel, at most kTrimAtOnce of them in one call.
  void Trim();

  // The owner: `buffer` holds nothing that is needed; its pages go back to the kernel.
  void Forget(Buffer& buffer);

  // The owner: `buffer` is out for long and may be written to at any time: its memory stays, and
  // does not count as such that could be given back. To be touched when that is over.
  void Keep(Buffer& buffer) {
    touched_ -= buffer.touched ? 1 : 0;
    buffer.touched = false;
  }

  // The owner: `buffer` has been written to, or will be.
  void Touch(Buffer& buffer) {
    touched_ += buffer.touched ? 0 : 1;
    buffer.touched = true;
  }
  // The owner: buffers whose memory may be in use, and could be given back some time.
  size_t touched() const { return touched_; }

  bool has_free() const {
    return free_ != nullptr || fresh_ != count_ ||
           remote_.load(std::memory_order_relaxed) != nullptr;
  }
  // The owner: three quarters are out. Then no recv reads ahead, and what is small is moved into a
  // block of the reserve.
  bool pressed() const { return taken_ >= count_ - count_ / 4; }

  // A second pool of the same owner with larger buffers, or null.
  BufferPool* large() const { return large_; }
  void set_large(BufferPool* large) { large_ = large; }
  // For the time when this pool is exhausted, or null.
  BufferReserve* reserve() const { return reserve_; }
  void set_reserve(BufferReserve* reserve) { reserve_ = reserve; }

  // False: the kernel has not granted the address space; nothing may be called then.
  bool reserved() const { return memory_ != nullptr; }
  // One that has been taken before.
  Buffer& at(size_t index) { return headers_[index]; }
  size_t count() const { return count_; }
  size_t buffer_size() const { return buffer_size_; }
  // The owner: buffers out, counting those given back by others but not collected yet.
  size_t taken() const { return taken_; }

 private:
  Buffer* MakeFresh();

  const size_t count_;
  const size_t buffer_size_;
  const std::function<void()> wake_owner_;
  std::byte* memory_ = nullptr;
  BufferPool* large_ = nullptr;
  BufferReserve* reserve_ = nullptr;
  Buffer* headers_ = nullptr;  // [0, fresh_) are made
  size_t fresh_ = 0;           // the first buffer that has never been taken; the owner's
  Buffer* free_ = nullptr;     // the owner's
  size_t taken_ = 0;           // the owner's
  size_t most_taken_ = 0;      // since the last Trim; the owner's
  size_t touched_ = 0;         // the owner's
  alignas(64) Atomic<Buffer*> remote_{nullptr};
  Atomic<bool> wanted_{false};
};

inline void Buffer::GiveBack(bool owner) {
  if (pool != nullptr) {
    pool->Release(this, owner);
  } else {
    reserve->Release(this);
  }
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_BUFFER_POOL_H_
