// IntrusivePtr<T>: one reference to an object that counts its references; RefCounted: its base.
//
//     class Topology final : public core::RefCounted { ... };
//     core::IntrusivePtr<Topology> topology = core::MakeRef<Topology>(arguments);
//
// The object goes with its last reference, in the thread that drops it. What one thread wrote
// before it dropped its reference is seen by the destructor (the decrements are acq_rel). A const
// object can be referred to as well: the count is no part of its value.
//
// Threads: the count any; an IntrusivePtr, like any pointer, one at a time.
// Checked by: tests/core/base/intrusive_ptr_test.cc.
#ifndef SLUICE_CORE_BASE_INTRUSIVE_PTR_H_
#define SLUICE_CORE_BASE_INTRUSIVE_PTR_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"

namespace sluice::core {

template <typename T>
class IntrusivePtr;
template <typename T, typename... Arguments>
IntrusivePtr<T> MakeRef(Arguments&&... arguments);

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  // How many references there are; for tests and logs: it may be another a moment later.
  uint32_t refs() const { return refs_.load(std::memory_order_relaxed); }

 protected:
  virtual ~RefCounted() { SLUICE_DCHECK(refs() == 0); }

 private:
  template <typename T>
  friend class IntrusivePtr;
  template <typename T, typename... Arguments>
  friend IntrusivePtr<T> MakeRef(Arguments&&... arguments);

  void Ref() const { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const {
    if (refs_.load(std::memory_order_acquire) == 1) {  // the last one: no locked instruction
      refs_.store(0, std::memory_order_relaxed);
      delete this;
      return;
    }
    const uint32_t before = refs_.fetch_sub(1, std::memory_order_acq_rel);
    SLUICE_DCHECK(before > 0);
    if (before == 1) delete this;
  }

  mutable Atomic<uint32_t> refs_{0};
};

// T is a RefCounted. Null, or one reference.
template <typename T>
class IntrusivePtr {
 public:
  IntrusivePtr() = default;
  explicit IntrusivePtr(T* object) : object_(object) {
    if (object_ != nullptr) Counted().Ref();
  }
  IntrusivePtr(const IntrusivePtr& other) : IntrusivePtr(other.object_) {}
  IntrusivePtr(IntrusivePtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
    requires std::is_convertible_v<U*, T*>
  IntrusivePtr(IntrusivePtr<U> other) : object_(other.Release()) {}
  IntrusivePtr& operator=(IntrusivePtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~IntrusivePtr() {
    if (object_ != nullptr) Counted().Unref();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const IntrusivePtr& other) const = default;

 private:
  template <typename U>
  friend class IntrusivePtr;
  template <typename U, typename... Arguments>
  friend IntrusivePtr<U> MakeRef(Arguments&&... arguments);

  T* Release() { return std::exchange(object_, nullptr); }
  const RefCounted& Counted() const { return *object_; }

  T* object_ = nullptr;
};

template <typename T, typename... Arguments>
IntrusivePtr<T> MakeRef(Arguments&&... arguments) {
  IntrusivePtr<T> pointer;
  pointer.object_ = new T(std::forward<Arguments>(arguments)...);
  SLUICE_DCHECK(pointer.Counted().refs_.load(std::memory_order_relaxed) == 0);
  pointer.Counted().refs_.store(1, std::memory_order_relaxed);  // no other thread has it yet
  return pointer;
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_INTRUSIVE_PTR_H_
