#include "proxy/allocator.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

extern "C" {

// jemalloc reads its settings from this name: memory that is free for two seconds goes back to the
// kernel, so that a burst of connections leaves no footprint. It looks at the time while it is
// called; what is left when nobody calls it is the ThreadHeap's to give back.
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
    if (lately > kQuiet) return;  // it would have to be fetched again at once
    at_trim_ = *freed_;
    // What "thread.idle" does, which leaves the arena alone on a machine with one CPU.
    mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
    unsigned arena = 0;
    size_t size = sizeof(arena);
    if (mallctl("thread.arena", &arena, &size, nullptr, 0) != 0) return;
    mallctl(absl::StrCat("arena.", arena, ".purge").c_str(), nullptr, nullptr, nullptr, 0);
  }

 private:
  static constexpr uint64_t kWorthwhile = 64 << 10;
  static constexpr uint64_t kQuiet = 16 << 10;

  const uint64_t* const freed_;
  uint64_t at_trim_ = 0;
  uint64_t at_last_look_ = 0;
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
