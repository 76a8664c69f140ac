// Atomics that make rare interleavings likely; a test is built a second time with them
// (SLUICE_MODEL_ATOMIC, core/base/atomic.h).
//
//   - Before an operation the thread sometimes gives the processor away or dawdles, so that other
//     threads get between two neighbouring operations.
//   - Counters that begin at 0 begin SLUICE_FIRST_POSITION later when that is defined, so that the
//     positions of a StealQueue wrap round early.
#ifndef SLUICE_TESTS_CORE_SUPPORT_ODD_ATOMIC_H_
#define SLUICE_TESTS_CORE_SUPPORT_ODD_ATOMIC_H_

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace sluice::core {

inline void SometimesYield() {
  thread_local uint64_t state = 0x9E3779B97F4A7C15u ^ reinterpret_cast<uintptr_t>(&state);
  state = state * 6364136223846793005u + 1442695040888963407u;
  const uint64_t dice = state >> 58;
  if (dice == 0) sched_yield();
  if (dice != 1) return;
  for (uint64_t left = state >> 48 & 0x3fff; left > 0; --left) {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the loop
  }
}

template <typename T>
class Atomic {
 public:
  Atomic() = default;
  constexpr explicit Atomic(T value) : value_(First(value)) {}

  T load(std::memory_order order) const {
    SometimesYield();
    return value_.load(order);
  }
  void store(T value, std::memory_order order) {
    SometimesYield();
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order order) {
    SometimesYield();
    return value_.exchange(value, order);
  }
  T fetch_add(T value, std::memory_order order) {
    SometimesYield();
    return value_.fetch_add(value, order);
  }
  T fetch_sub(T value, std::memory_order order) {
    SometimesYield();
    return value_.fetch_sub(value, order);
  }
  T fetch_or(T value, std::memory_order order) {
    SometimesYield();
    return value_.fetch_or(value, order);
  }
  T fetch_and(T value, std::memory_order order) {
    SometimesYield();
    return value_.fetch_and(value, order);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order) {
    SometimesYield();
    return value_.compare_exchange_strong(expected, desired, order);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) {
    SometimesYield();
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure) {
    SometimesYield();
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }

 private:
  static constexpr T First(T value) {
#ifdef SLUICE_FIRST_POSITION
    constexpr uint64_t kFirst = uint32_t{SLUICE_FIRST_POSITION};
    if constexpr (std::is_same_v<T, uint32_t>) return value + kFirst;
    if constexpr (std::is_same_v<T, uint64_t>) return value + (kFirst << 32 | kFirst);
#endif
    return value;
  }

  std::atomic<T> value_{};
};

inline void AtomicFence(std::memory_order order) { std::atomic_thread_fence(order); }

}  // namespace sluice::core

#endif  // SLUICE_TESTS_CORE_SUPPORT_ODD_ATOMIC_H_
