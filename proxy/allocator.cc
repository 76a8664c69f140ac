#include "proxy/allocator.h"

#include <cstddef>

extern "C" {

// jemalloc reads its settings from this name: memory that is free for two seconds goes back to the
// kernel, so that a burst of connections leaves no footprint.
const char* malloc_conf = "dirty_decay_ms:2000,muzzy_decay_ms:0,metadata_thp:disabled";

// Weak: a build without jemalloc has no such function.
[[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                          size_t new_size);
}

namespace sluice::proxy {

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
