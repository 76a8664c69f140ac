// Awaitable: what a coroutine can co_await; AwaitValue: what that brings.
#ifndef SLUICE_CORE_TASK_AWAITABLE_H_
#define SLUICE_CORE_TASK_AWAITABLE_H_

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace sluice::core {

// What a co_await of void brings, so that results of any kind can be kept in a tuple.
struct Unit {};

namespace internal {

template <typename A>
concept HasMemberCoAwait = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <typename A>
concept HasFreeCoAwait = requires(A&& a) { operator co_await(std::forward<A>(a)); };
// Its await_suspend may be a template, or want a certain promise: that is seen when it is called.
template <typename W>
concept IsAwaiter = requires(W& awaiter) {
  { awaiter.await_ready() } -> std::convertible_to<bool>;
  awaiter.await_resume();
};

// A is T& for an lvalue, T for an rvalue, as in a forwarding reference.
template <typename A>
decltype(auto) GetAwaiter(A&& awaitable) {
  if constexpr (HasMemberCoAwait<A>) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (HasFreeCoAwait<A>) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

template <typename A>
using AwaiterOf = decltype(GetAwaiter(std::declval<A>()));

template <typename T>
struct Kept {
  using type = std::remove_cv_t<std::remove_reference_t<T>>;
};
template <typename T>
struct Kept<T&> {
  using type = std::reference_wrapper<T>;
};
template <>
struct Kept<void> {
  using type = Unit;
};

}  // namespace internal

template <typename A>
concept Awaitable = internal::IsAwaiter<std::remove_reference_t<internal::AwaiterOf<A>>>;

// An awaiter may have a `bool WouldWait() const`: true if its await_suspend would do nothing now
// but begin to wait. It may be wrong, for things change. A Select looks at those that tell before
// it begins to wait anywhere: a wait that it would give up at once it need not begin.

// What `co_await` of it brings, as it can be kept: Unit for void, a reference_wrapper for T&.
template <Awaitable A>
using AwaitValue =
    typename internal::Kept<decltype(std::declval<internal::AwaiterOf<A>&>().await_resume())>::type;

namespace internal {

// An rvalue that cannot be moved: it is gone after the full expression that it is made in. What
// holds one takes it as `A&& awaitable [[clang::lifetimebound]]`, so that clang warns where what
// holds it would live longer.
template <typename A>
concept StaysInItsExpression = !std::move_constructible<A>;

}  // namespace internal

// An awaitable that is kept until it is awaited: an lvalue, and an rvalue that cannot be moved, by
// reference, any other by value.
template <typename A>
class HeldAwaitable {
 public:
  explicit HeldAwaitable(A&& awaitable) : held_(std::forward<A>(awaitable)) {}
  A&& get() { return static_cast<A&&>(held_); }

 private:
  using Held = std::conditional_t<internal::StaysInItsExpression<A>, A&&, A>;
  Held held_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_AWAITABLE_H_
