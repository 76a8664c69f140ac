// DescriptorTable: what the readiness backend knows of each descriptor, shared by all workers.
//
// A descriptor is registered once in its life, edge-triggered and for both directions, with the
// epoll instance of the worker that first had to wait on it. Each direction is one atomic word:
//
//              Signal                     Park (registered)
//   READY ◄────────────── NOT_READY ─────────────────────────► the waiting Op
//     │ Clear, before        ▲                                    │      │
//     │ a system call                                             │      │
//     └──────────────────────────────────► NOT_READY              │      │
//     ▲──────────────────────── Remove (cancel) ──────────────────┘      │
//     ▲─────────────────────── Signal: hands out the op ─────────────────┘
//
// READY means "worth a try": every user makes the system call and believes only EAGAIN, so a stale
// or stolen event is harmless. A short read is taken to mean that nothing is left, which saves the
// call that would say so. `try_anyway` is set, and stays set, once that may be wrong: the peer has
// closed, or it has sent urgent data (a read ends at the urgent mark, whatever lies behind it; what
// comes after the event that told of the mark is an edge of its own). Of a socket that is not TCP
// it is set as the socket is registered: a read of a UNIX socket ends behind bytes that came with a
// descriptor, and one of datagrams behind the first. Until then nothing is missed: what is
// registered with bytes in it has an edge.
//
// Invariants
//   I1  An op is handed out exactly once per Park: by the CAS that takes it out of the word.
//   I2  Clear comes before the system call whose EAGAIN it is to guard, so an edge after that call
//       is not lost.
//   I3  The generation changes when the descriptor is closed; an event with an old one is dropped.
//   I4  A listening descriptor leaves its epoll instance before it is closed. Its open file may
//       live on, in another descriptor or in another process, and close(2) would leave the entry
//       behind: then it could take the one wake-up that an arrival gives (EPOLLEXCLUSIVE).
//
// Memory orders: the release in Park meets the acquire in Signal and Remove (the op's fields are
// seen); the release in Signal meets the acquire in Clear.
// Threads: any. Checked by: tests/contract, tests/model.
#ifndef SLUICE_EPOLL_DESCRIPTOR_TABLE_H_
#define SLUICE_EPOLL_DESCRIPTOR_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/reactor/op.h"

namespace sluice::epoll {

enum Direction : int { kIn = 0, kOut = 1 };

// One direction of a descriptor.
class Readiness {
 public:
  // Whether a system call is worth trying.
  bool ready() const { return word_.load(std::memory_order_acquire) == kReady; }

  void Set() { word_.store(kReady, std::memory_order_release); }

  void Clear() { word_.exchange(kNotReady, std::memory_order_acq_rel); }

  // True: `op` waits. False: it became ready meanwhile.
  bool Park(core::Op& op) {
    uintptr_t expected = kNotReady;
    const bool parked =
        word_.compare_exchange_strong(expected, reinterpret_cast<uintptr_t>(&op),
                                      std::memory_order_acq_rel, std::memory_order_acquire);
    if (!parked) {
      SLUICE_CHECK_USE(expected == kReady,
                       "something waits for this descriptor already: one wait in each direction");
    }
    return parked;
  }

  // An edge. Returns the op that waited for it, or null.
  core::Op* Signal() {
    const uintptr_t before = word_.exchange(kReady, std::memory_order_acq_rel);
    return before <= kReady ? nullptr : reinterpret_cast<core::Op*>(before);
  }

  // True: `op` was waiting and waits no more. The next one had better try: a poll may have consumed
  // an edge that it did not want.
  bool Remove(core::Op& op) {
    uintptr_t expected = reinterpret_cast<uintptr_t>(&op);
    return word_.compare_exchange_strong(expected, kReady, std::memory_order_acq_rel);
  }

 private:
  static constexpr uintptr_t kNotReady = 0;
  static constexpr uintptr_t kReady = 1;
  core::Atomic<uintptr_t> word_{kReady};  // unknown is worth a try
};

// Whether a read or a write may wait for readiness: kStream and kTcp, which have O_NONBLOCK. Found
// out by the first one, or by the first accept. kTcp: the reactor has made or accepted the socket,
// or accepts from it, and need not look.
enum class FileType : uint8_t { kUnknown, kStream, kTcp, kFile };

struct Descriptor {
  std::array<Readiness, 2> directions;
  core::Atomic<uint32_t> generation{0};
  core::Atomic<bool> registered{false};
  core::Atomic<bool> try_anyway{false};
  core::Atomic<bool> is_listener{false};  // written and read by the task that has the descriptor
  core::Atomic<FileType> type{FileType::kUnknown};
};

class DescriptorTable {
 public:
  // Descriptors have smaller numbers: the process keeps its RLIMIT_NOFILE at or below.
  static constexpr size_t kCapacity = size_t{1} << 25;

  DescriptorTable() = default;
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;

  Descriptor& at(int fd) {
    const size_t index = static_cast<size_t>(fd);
    Chunk* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) [[unlikely]]
      chunk = Grow(index / kChunk);
    return (*chunk)[index % kChunk];
  }

  // `epoll_fd` has an entry for this descriptor, which listens.
  void EnterListener(int fd, int epoll_fd) {
    at(fd).is_listener.store(true, std::memory_order_relaxed);
    absl::MutexLock lock(&mutex_);
    listeners_[fd] = epoll_fd;
  }

  // The epoll instance that has the entry: the caller takes it out.
  int LeaveListener(int fd) {
    at(fd).is_listener.store(false, std::memory_order_relaxed);
    absl::MutexLock lock(&mutex_);
    const auto found = listeners_.find(fd);
    SLUICE_CHECK(found != listeners_.end());
    const int epoll_fd = found->second;
    listeners_.erase(found);
    return epoll_fd;
  }

  // Just before the descriptor is closed.
  void Forget(int fd) {
    Descriptor& descriptor = at(fd);
    descriptor.generation.fetch_add(1, std::memory_order_acq_rel);
    descriptor.registered.store(false, std::memory_order_relaxed);
    descriptor.try_anyway.store(false, std::memory_order_relaxed);
    descriptor.type.store(FileType::kUnknown, std::memory_order_relaxed);
    for (Readiness& direction : descriptor.directions) direction.Set();
  }

 private:
  static constexpr size_t kChunk = 1024;
  static constexpr size_t kChunks = kCapacity / kChunk;
  using Chunk = std::array<Descriptor, kChunk>;

  Chunk* Grow(size_t chunk_index) {
    absl::MutexLock lock(&mutex_);
    core::Atomic<Chunk*>& slot = chunks_[chunk_index];
    if (slot.load(std::memory_order_relaxed) == nullptr) {
      owned_.push_back(std::make_unique<Chunk>());
      slot.store(owned_.back().get(), std::memory_order_release);
    }
    return slot.load(std::memory_order_relaxed);
  }

  std::array<core::Atomic<Chunk*>, kChunks> chunks_{};  // made under the mutex
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Chunk>> owned_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<int, int> listeners_ ABSL_GUARDED_BY(mutex_);  // epoll instances
};

}  // namespace sluice::epoll

#endif  // SLUICE_EPOLL_DESCRIPTOR_TABLE_H_
