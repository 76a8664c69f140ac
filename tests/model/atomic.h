// The Atomic of the model checker: what core/base/atomic.h gives to code that is compiled with
// SLUICE_MODEL_ATOMIC naming this file. Outside an Execution it is a plain variable.
#ifndef SLUICE_TESTS_MODEL_ATOMIC_H_
#define SLUICE_TESTS_MODEL_ATOMIC_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/model/run.h"

namespace sluice::core {

template <typename T>
class Atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  using Order = model::Order;
  using Execution = model::Execution;
  using Site = model::Site;

 public:
  Atomic() = default;
  constexpr explicit(false) Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(Order order, Site site = Site::current()) const {
    Execution* run = Execution::Current();
    return run == nullptr ? value_ : Value(run->Load(place_, Bits(value_), order, site));
  }
  void store(T value, Order order, Site site = Site::current()) {
    Execution* run = Execution::Current();
    if (run != nullptr) run->Store(place_, Bits(value_), Bits(value), order, site);
    value_ = value;
  }
  T exchange(T value, Order order, Site site = Site::current()) {
    return Update([value](T) { return value; }, order, site);
  }
  T fetch_add(T value, Order order, Site site = Site::current()) {
    return Update([value](T old) { return static_cast<T>(old + value); }, order, site);
  }
  T fetch_sub(T value, Order order, Site site = Site::current()) {
    return Update([value](T old) { return static_cast<T>(old - value); }, order, site);
  }
  T fetch_or(T value, Order order, Site site = Site::current()) {
    return Update([value](T old) { return static_cast<T>(old | value); }, order, site);
  }
  T fetch_and(T value, Order order, Site site = Site::current()) {
    return Update([value](T old) { return static_cast<T>(old & value); }, order, site);
  }
  bool compare_exchange_strong(T& expected, T desired, Order success, Order failure,
                               Site site = Site::current()) {
    return CompareExchange(expected, desired, /*weak=*/false, success, failure, site);
  }
  bool compare_exchange_strong(T& expected, T desired, Order order, Site site = Site::current()) {
    return CompareExchange(expected, desired, /*weak=*/false, order, FailureOf(order), site);
  }
  bool compare_exchange_weak(T& expected, T desired, Order success, Order failure,
                             Site site = Site::current()) {
    return CompareExchange(expected, desired, /*weak=*/true, success, failure, site);
  }
  bool compare_exchange_weak(T& expected, T desired, Order order, Site site = Site::current()) {
    return CompareExchange(expected, desired, /*weak=*/true, order, FailureOf(order), site);
  }

 private:
  static uint64_t Bits(T value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T Value(uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
  static Order FailureOf(Order order) {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    return order == std::memory_order_release ? std::memory_order_relaxed : order;
  }

  template <typename Change>
  T Update(Change change, Order order, const Site& site) {
    Execution* run = Execution::Current();
    const T old =
        run == nullptr ? value_ : Value(run->BeginUpdate(place_, Bits(value_), order, site));
    value_ = change(old);
    if (run != nullptr) run->Replace(place_, Bits(value_));
    return old;
  }

  bool CompareExchange(T& expected, T desired, bool weak, Order success, Order failure,
                       const Site& site) {
    Execution* run = Execution::Current();
    if (run == nullptr) {
      if (value_ != expected) {
        expected = value_;
        return false;
      }
      value_ = desired;
      return true;
    }
    const model::Memory::Read read = run->BeginCompareExchange(place_, Bits(value_), Bits(expected),
                                                               weak, success, failure, site);
    if (!read.matched) {
      expected = Value(read.value);
      return false;
    }
    run->Replace(place_, Bits(desired));
    value_ = desired;
    return true;
  }

  T value_{};                     // the newest
  mutable model::Place place_{};  // in the execution under way
};

inline void AtomicFence(model::Order order, model::Site site = model::Site::current()) {
  if (model::Execution* run = model::Execution::Current()) run->Fence(order, site);
}

// What core/base/check.h calls in these builds.
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);

}  // namespace sluice::core

#endif  // SLUICE_TESTS_MODEL_ATOMIC_H_
