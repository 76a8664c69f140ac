// Which memory allocator is linked in, how it is set, and what it keeps.
#ifndef SLUICE_PROXY_MEMORY_ALLOCATOR_H_
#define SLUICE_PROXY_MEMORY_ALLOCATOR_H_

#include <memory>
#include <string>

#include "core/sched/thread_heap.h"

namespace sluice::proxy {

// "jemalloc 5.3.0-..." or "the C library's" (sanitizers bring their own).
std::string AllocatorVersion();

// How many heaps the threads share at most: each is made by the first thread that gets it, at its
// first allocation, and jemalloc takes for granted that this works. 0 without jemalloc.
unsigned MostHeaps();

// Of the calling thread; null without jemalloc.
std::unique_ptr<core::ThreadHeap> MakeThreadHeap();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_MEMORY_ALLOCATOR_H_
