// TaskLocal<T>: a value that what runs inside finds by itself, without a parameter on the way.
//
//     inline constinit TaskLocal<std::string> kRequestId;         // the key: where it lies
//
//     co_await kRequestId.With("r-17", Serve(connection));        // for the span of this await
//     const std::string& id = co_await kRequestId.Get();          // anywhere below it
//     const std::string* id = co_await kRequestId.Find();         // or null: there is none
//     Spawn(WithLocals(co_await CurrentLocals(), Report()));      // a task of its own, if asked
//
//   With("a", …) ─┬─ co_await Child()                    finds "a"
//                 ├─ Join, Select, Shield, WithTimeout   each branch finds "a"
//                 ├─ With("b", …)                        finds "b"; behind it "a" again
//                 └─ Spawn(Other())                      finds none
//
// Nothing is copied into coroutines and no thread keeps anything. The values lie where With is
// awaited; a coroutine finds them through its cancel scope, which leads to the one around it, and
// so on (cancel_scope.h). So they survive suspension and stealing, a task that has none pays
// nothing, and a look-up takes as many steps as there are scopes between: those of Joins, Selects
// and the like, not those of plain calls.
//
// Only coroutines ask, because a scope is what a coroutine runs in: a plain function gets the value
// as a parameter. Branches of an Unordered and of a SelectLoop outlive a Next: they find what is in
// force around the Next that waits for them at that moment, and between two of them nothing.
//
// A value is constant. What is found is valid until the With that set it has ended. CurrentLocals
// copies the values, once, to where they live as long as anything holds them; tasks that share them
// may read them at the same time. What cannot be copied goes in as a std::shared_ptr.
//
// Threads: inside a task. Nothing is allocated but what CurrentLocals copies.
// Checked by: tests/core/task/task_local_test.cc.
#ifndef SLUICE_CORE_TASK_TASK_LOCAL_H_
#define SLUICE_CORE_TASK_TASK_LOCAL_H_

#include <concepts>
#include <coroutine>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

struct LocalValue {
  const void* key;
  const void* value;
  std::shared_ptr<const void> (*copy)(const void* value);
};

// A scope in which values are in force.
class ValueScope final : public CancelScope {
 public:
  ValueScope() : CancelScope(Place::kWithValues) {}

  std::span<const LocalValue> values;
  const CancelScope* around = nullptr;
};

// The value that is in force in `scope`; or null.
const void* FindLocal(const CancelScope& scope, const void* key);

}  // namespace internal

// Copies of all values that are in force somewhere. Copied freely: they are shared.
class LocalValues {
 public:
  LocalValues() = default;
  bool empty() const { return values_.empty(); }

 private:
  friend struct CurrentLocals;
  template <typename A>
  friend class LocalsSpan;

  static LocalValues In(const CancelScope& scope);

  std::vector<internal::LocalValue> values_;
  std::vector<std::shared_ptr<const void>> owned_;
};

// `LocalValues values = co_await CurrentLocals();`
struct CurrentLocals {
  LocalValues values{};
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) {
    values = LocalValues::In(*self.promise().scope);
    return false;
  }
  LocalValues await_resume() { return std::move(values); }
};

namespace internal {

// Runs an awaitable in a ValueScope, which is cancelled when the one around it is.
template <typename A>
class ValueSpan : public Waiter, private ChildObserver {
 public:
  ValueSpan(const ValueSpan&) = delete;
  ValueSpan& operator=(const ValueSpan&) = delete;

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    around_ = promise.scope;
    scope_.around = around_;
    if (around_->cancelled()) scope_.Cancel();
    around_->Enter(*this);
    branch_.Start(promise.task, &scope_, *this);
    if (branch_.done()) return false;
    parent_ = parent;
    return true;
  }
  AwaitValue<A> await_resume() {
    around_->Leave(*this);
    return branch_.TakeValue();
  }

  void Cancel() final { scope_.Cancel(); }
  const CancelScope* Below() const final { return &scope_; }
  void OnReady() final { SLUICE_CHECK(false); }  // never posted

 protected:
  explicit ValueSpan(A&& awaitable) : branch_(std::forward<A>(awaitable)) {}
  ~ValueSpan() = default;
  void set_values(std::span<const LocalValue> values) { scope_.values = values; }

 private:
  // While it is being started the parent goes on by itself.
  std::coroutine_handle<> ChildDone() final {
    return parent_ ? parent_ : std::coroutine_handle<>(std::noop_coroutine());
  }

  Branch<A> branch_;
  ValueScope scope_;
  CancelScope* around_ = nullptr;
  std::coroutine_handle<> parent_;
};

}  // namespace internal

template <typename T, typename A>
class [[nodiscard]] LocalSpan final : public internal::ValueSpan<A> {
 public:
  LocalSpan(const void* key, T value, A&& awaitable)
      : internal::ValueSpan<A>(std::forward<A>(awaitable)),
        value_(std::move(value)),
        entry_{key, &value_, [](const void* from) -> std::shared_ptr<const void> {
                 return std::make_shared<const T>(*static_cast<const T*>(from));
               }} {
    this->set_values({&entry_, 1});
  }

 private:
  const T value_;
  const internal::LocalValue entry_;
};

template <typename A>
class [[nodiscard]] LocalsSpan final : public internal::ValueSpan<A> {
 public:
  LocalsSpan(LocalValues values, A&& awaitable)
      : internal::ValueSpan<A>(std::forward<A>(awaitable)), values_(std::move(values)) {
    this->set_values(values_.values_);
  }

 private:
  const LocalValues values_;
};

// Runs `task` with these values in force.
template <typename T>
Task<T> WithLocals(LocalValues values, Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    (void)co_await LocalsSpan<Task<T>>(std::move(values), std::move(task));
  } else {
    co_return co_await LocalsSpan<Task<T>>(std::move(values), std::move(task));
  }
}

// The key. It is not moved, and outlives what it is in force for: as a rule it is a global.
template <typename T>
class TaskLocal {
  static_assert(std::copy_constructible<T>, "put a std::shared_ptr to it into the TaskLocal");

  template <bool kMustBe>
  struct Look {
    const void* key;
    const T* found = nullptr;
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
      found = static_cast<const T*>(internal::FindLocal(*self.promise().scope, key));
      return false;
    }
    decltype(auto) await_resume() const {
      if constexpr (kMustBe) {
        SLUICE_CHECK_USE(found != nullptr,
                         "no value is in force here: await this inside of With, or ask by Find");
        return static_cast<const T&>(*found);
      } else {
        return static_cast<const T*>(found);
      }
    }
  };

 public:
  constexpr TaskLocal() = default;
  TaskLocal(const TaskLocal&) = delete;
  TaskLocal& operator=(const TaskLocal&) = delete;

  // `co_await key.With(value, awaitable)`: awaits it with the value in force, and brings what it
  // brings, Unit for void. A task or another awaitable that can be moved is moved into it; any
  // other must live until it has been awaited.
  template <Awaitable A>
  LocalSpan<T, A> With(T value, A&& awaitable) const {
    return LocalSpan<T, A>(this, std::move(value), std::forward<A>(awaitable));
  }

  // `const T* value = co_await key.Find();` Null: none is in force.
  auto Find() const { return Look<false>{this}; }
  // `const T& value = co_await key.Get();` One must be in force.
  auto Get() const { return Look<true>{this}; }

 private:
  char address_ = 0;  // no two keys lie at the same place
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_TASK_LOCAL_H_
