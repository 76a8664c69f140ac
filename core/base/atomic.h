// The one name for an atomic in `core/`, so that a model checker can put its own in its place.
//
// A build that defines SLUICE_MODEL_ATOMIC includes that header instead; it has to define
// sluice::core::Atomic<T> with the interface of std::atomic<T>, and sluice::core::AtomicFence.
#ifndef SLUICE_CORE_BASE_ATOMIC_H_
#define SLUICE_CORE_BASE_ATOMIC_H_

#include <atomic>

#ifdef SLUICE_MODEL_ATOMIC
#include SLUICE_MODEL_ATOMIC
#else
namespace sluice::core {

template <typename T>
using Atomic = std::atomic<T>;

inline void AtomicFence(std::memory_order order) { std::atomic_thread_fence(order); }

}  // namespace sluice::core
#endif

#endif  // SLUICE_CORE_BASE_ATOMIC_H_
