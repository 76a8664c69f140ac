// Which memory allocator is linked in, and how it is set.
#ifndef SLUICE_PROXY_ALLOCATOR_H_
#define SLUICE_PROXY_ALLOCATOR_H_

#include <string>

namespace sluice::proxy {

// "jemalloc 5.3.0-..." or "the C library's" (sanitizers bring their own).
std::string AllocatorVersion();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ALLOCATOR_H_
