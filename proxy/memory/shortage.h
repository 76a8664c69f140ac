// What a program does at its start so that a want of memory does not end it: see heap_reserve.h.
#ifndef SLUICE_PROXY_MEMORY_SHORTAGE_H_
#define SLUICE_PROXY_MEMORY_SHORTAGE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/atomic.h"
#include "proxy/memory/heap_reserve.h"

namespace sluice::proxy {

// What operator new asks for what malloc cannot give (operator_new.cc); null: nothing. The one
// variable that all share, for the callers of operator new know nothing of us. Builds with a
// sanitizer keep the sanitizer's operators and never ask.
inline constinit core::Atomic<HeapReserve*> reserve_in_use{nullptr};

// Before other threads are started. `reserve` outlives everything that is allocated from now on.
void UseReserve(HeapReserve& reserve);

// Whether malloc has what some new sessions need: the probe of a HeapReserve.
bool MallocWorks();

// Whether so many bytes can be mapped now; they are not kept. Asked before threads are started: a
// thread whose first allocation fails is the end of the process, see MostHeaps in allocator.h.
// `what` needs them; `advice` is what an operator may change.
absl::Status CheckAddressSpace(uint64_t bytes, std::string_view what, std::string_view advice);

// Does at once what would be fatal if it came first when there is no memory: the main thread's
// stack, the only one that grows, is made to grow; and abseil's mutexes, which abort if they cannot
// map memory for the first thread that ever waits, get theirs. On the main thread.
void PrepareThreads();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_MEMORY_SHORTAGE_H_
