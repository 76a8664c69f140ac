#include "proxy/memory/shortage.h"

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
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
  // Volatile, for a compiler may take for granted that a malloc works whose memory is not used.
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

absl::Status CheckAddressSpace(uint64_t bytes, std::string_view what, std::string_view advice) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) {
    munmap(memory, bytes);
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      std::string(what), " may need ", (bytes + kMiB - 1) / kMiB,
      " MiB of address space, and the system grants less (", std::string(advice), ")"));
}

void PrepareThreads() {
  GrowStack();
  LetMutexesAllocate();
}

}  // namespace sluice::proxy
