#include "proxy/shortage.h"

#include <array>
#include <cstddef>
#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::proxy {
namespace {

// Only its far end is touched: what lies between is mapped with it.
[[gnu::noinline]] void GrowStack() {
  volatile std::byte deep[256 << 10];
  deep[0] = std::byte{0};
}

void LetMutexesAllocate() {
  absl::Mutex mutex;
  absl::CondVar never;
  const absl::MutexLock lock(&mutex);
  never.WaitWithTimeout(&mutex, absl::Nanoseconds(1));
}

}  // namespace

void UseReserve(HeapReserve& reserve) { reserve_in_use.store(&reserve, std::memory_order_release); }

// Small pieces, like those of a session: memory that comes back in pieces is as good.
bool MallocWorks() {
  constexpr size_t kPiece = 4096;
  // Volatile, for a compiler may take for granted that a malloc works whose memory nobody uses.
  void* (*volatile allocate)(size_t) = &std::malloc;
  std::array<void*, 64> pieces{};
  for (void*& piece : pieces) {
    piece = allocate(kPiece);
    if (piece == nullptr) break;
  }
  const bool works = pieces.back() != nullptr;
  for (void* piece : pieces) std::free(piece);
  return works;
}

void PrepareThreads() {
  GrowStack();
  LetMutexesAllocate();
}

}  // namespace sluice::proxy
