#include "proxy/memory/allocator.h"

#include <cstddef>
#include <cstdint>
#include <utility>

extern "C" {

// jemalloc reads its settings from this name: memory that is free for two seconds goes back to the
// kernel, so that a burst of connections leaves no footprint. It looks at the time only
// when a thread's cache does not serve; what is left else is the ThreadHeap's to give back.
const char* malloc_conf = "dirty_decay_ms:2000,muzzy_decay_ms:0,metadata_thp:disabled";

// Weak: a build without jemalloc has no such function.
[[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                          size_t new_size);
}

namespace sluice::proxy {
namespace {

class JemallocThreadHeap final : public core::ThreadHeap {
 public:
  // `freed`: bytes that the thread has freed so far, jemalloc's own counter.
  explicit JemallocThreadHeap(const uint64_t* freed) : freed_(freed) {}

  bool TrimPays() const override { return *freed_ - at_trim_ >= kWorthwhile; }

  void Trim() override {
    const uint64_t lately = *freed_ - std::exchange(at_last_look_, *freed_);
    // What a busy thread has just freed it would have to fetch again at once.
    if (lately > kBusy && ++busy_looks_ < kBusyLooks) return;
    busy_looks_ = 0;
    at_trim_ = *freed_;
    mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
    // Of all arenas: a session goes back to the one of the worker that has accepted it.
    mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
  }

 private:
  static constexpr const char* kPurgeAll = "arena.4096.purge";  // MALLCTL_ARENAS_ALL
  static constexpr uint64_t kWorthwhile = 64 << 10;
  static constexpr uint64_t kBusy = 1 << 20;  // bytes between two looks: some 5,000 messages
  static constexpr int kBusyLooks = 40;

  const uint64_t* const freed_;
  uint64_t at_trim_ = 0;
  uint64_t at_last_look_ = 0;
  int busy_looks_ = 0;
};

}  // namespace

std::unique_ptr<core::ThreadHeap> MakeThreadHeap() {
  const uint64_t* freed = nullptr;
  size_t size = sizeof(freed);
  if (mallctl == nullptr ||
      mallctl("thread.deallocatedp", static_cast<void*>(&freed), &size, nullptr, 0) != 0) {
    return nullptr;
  }
  return std::make_unique<JemallocThreadHeap>(freed);
}

unsigned MostHeaps() {
  unsigned heaps = 0;
  size_t size = sizeof(heaps);
  if (mallctl == nullptr || mallctl("opt.narenas", &heaps, &size, nullptr, 0) != 0) return 0;
  return heaps;
}

std::string AllocatorVersion() {
  const char* version = nullptr;
  size_t size = sizeof(version);
  if (mallctl == nullptr ||
      mallctl("version", static_cast<void*>(&version), &size, nullptr, 0) != 0) {
    return "the C library's";
  }
  return std::string("jemalloc ") + version;
}

}  // namespace sluice::proxy
