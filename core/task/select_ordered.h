// SelectBiased and SelectFair: Select with conditions, an else, and a say in who is asked first.
//
//     auto outcome = co_await SelectBiased(
//         Named<"stop">(stop.Cancelled()),                             // asked first
//         If(!queue.full(), Named<"job">(jobs.Next())),                // only then
//         If(!queue.empty(), Named<"slot">(workers.Acquire())));
//     if (outcome.Won<"job">()) queue.Push(*outcome.Get<"job">());     // Get: a std::optional
//
//   SelectBiased(a, b, ...)       begins with the first, in this order, each time
//   SelectFair(order, a, b, ...)  begins with another one each time; `order` lives around the loop
//   If(condition, branch)         a branch that is left out where the condition is false
//   Else()                        the last branch: wins, at once, if all others are left out
//
//                     left out ─────────────────────────────────► no value
//   each branch, in turn ── another has won already ────────────► not begun: no value
//                     begins ── ends first ─────────────────────► wins: its value
//                            └─ is cancelled and waited for ────► its value
//
// As soon as a branch has ended while they begin, no other is begun: what it would take stays where
// it is. That makes the order matter: of branches that are ready at once the first wins, so in a
// loop of SelectBiased a branch that is always ready keeps those behind it from ever being asked,
// and in SelectFair each is first in its turn. With plain Select (core/task/select.h), which also
// begins in order, every branch begins and every branch has a value.
//
// The rules are those of Tokio's select!, `biased;` and `, if`; there a random number says who is
// first, here a turn that goes round. All branches left out and no Else: a failed check.
//
// A branch and its awaitable are made whether it is left out or not. Nothing is allocated. Threads:
// inside one task. Checked by: tests/core/task/select_ordered_test.cc.
#ifndef SLUICE_CORE_TASK_SELECT_ORDERED_H_
#define SLUICE_CORE_TASK_SELECT_ORDERED_H_

#include <array>
#include <bitset>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"
#include "core/task/select.h"
#include "core/task/task.h"

namespace sluice::core {

// Whose turn it is to be first. One for each loop, in its task.
class FairOrder {
 public:
  size_t NextOf(size_t count) { return turn_++ % count; }

 private:
  uint32_t turn_ = 0;
};

// Made by If. `Argument`: an awaitable or a NamedBranch.
template <typename Argument>
struct ConditionalBranch {
  bool condition;
  Argument&& argument;
};
template <typename Argument>
ConditionalBranch<Argument> If(bool condition, Argument&& argument) {
  return {condition, std::forward<Argument>(argument)};
}

namespace internal {

struct ElseAwaitable {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

}  // namespace internal

// `outcome.Won<"else">()`
inline NamedBranch<"else", internal::ElseAwaitable> Else() {
  static internal::ElseAwaitable none;
  return {std::move(none)};
}

namespace internal {

template <typename Argument>
struct OrderedArgument {
  using A = typename SelectArgument<Argument>::A;
  using Value = std::optional<typename Branch<A>::Value>;
  using Result = Value;
  static constexpr bool kIsElse = false;
  static bool condition(const Argument&) { return true; }
  static A&& Get(Argument&& argument) {
    return SelectArgument<Argument>::Get(std::forward<Argument>(argument));
  }
};
template <BranchName kName, typename T>
struct OrderedArgument<NamedBranch<kName, T>> {
  using A = T;
  using Value = std::optional<typename Branch<A>::Value>;
  using Result = NamedValue<kName, Value>;
  static constexpr bool kIsElse = std::is_same_v<T, ElseAwaitable>;
  static bool condition(const NamedBranch<kName, T>&) { return true; }
  static A&& Get(NamedBranch<kName, T>&& argument) { return std::forward<A>(argument.awaitable); }
};
template <typename Argument>
struct OrderedArgument<ConditionalBranch<Argument>> : OrderedArgument<Argument> {
  using Base = OrderedArgument<Argument>;
  static_assert(!Base::kIsElse, "Else() has no condition");
  static bool condition(const ConditionalBranch<Argument>& branch) { return branch.condition; }
  static typename Base::A&& Get(ConditionalBranch<Argument>&& branch) {
    return Base::Get(std::forward<Argument>(branch.argument));
  }
};

// The part that depends only on how many there are.
template <size_t kCount>
class OrderedBranches : public Waiter, public ChildObserver {
 public:
  OrderedBranches(const OrderedBranches&) = delete;
  OrderedBranches& operator=(const OrderedBranches&) = delete;

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    parent_ = parent;
    row_.around = promise.scope;
    if (promise.scope->cancelled()) Cancel();
    promise.scope->Enter(*this);
    for (size_t i = 0; i < kCount && winner_ == kCount; ++i) {
      const size_t index = (first_ + i) % kCount;
      if (!enabled_[index]) continue;
      begun_.set(index);
      ++remaining_;
      Start(index, promise.task, row_.scopes[index]);
    }
    return --remaining_ != 0;
  }

  // Inside the task: the enclosing scope was cancelled, or a branch has won.
  void Cancel() final {
    for (CancelScope& scope : row_.scopes) scope.Cancel();
  }
  void OnReady() final { SLUICE_CHECK(false); }  // never posted

 protected:
  OrderedBranches(size_t first, std::bitset<kCount> enabled) : first_(first), enabled_(enabled) {
    SLUICE_CHECK_USE(enabled.any(), "all branches of a select are left out: give it an Else()");
  }
  ~OrderedBranches() = default;

  void Leave() { row_.around->Leave(*this); }
  size_t winner() const { return winner_; }
  bool begun(size_t index) const { return begun_[index]; }

 private:
  virtual void Start(size_t index, Runnable* task, CancelScope& scope) = 0;
  // Of those that have begun, the one that has ended, while it is the only one.
  virtual size_t FindDone() const = 0;

  std::coroutine_handle<> ChildDone() final {
    if (winner_ == kCount) {
      winner_ = FindDone();
      Cancel();
    }
    return --remaining_ == 0 ? parent_ : std::noop_coroutine();
  }

  const size_t first_;
  const std::bitset<kCount> enabled_;
  std::bitset<kCount> begun_;
  size_t winner_ = kCount;
  size_t remaining_ = 1;  // one for the loop: the parent is not resumed from inside it
  ScopeRow<kCount> row_;
  std::coroutine_handle<> parent_;
};

}  // namespace internal

template <typename... Argument>
class [[nodiscard]] OrderedSelectAwaiter final
    : public internal::OrderedBranches<sizeof...(Argument)> {
  static constexpr size_t kCount = sizeof...(Argument);
  template <typename A>
  using Of = internal::OrderedArgument<A>;

 public:
  using Result = SelectResult<typename Of<Argument>::Result...>;

  OrderedSelectAwaiter(size_t first, Argument&&... arguments)
      : internal::OrderedBranches<kCount>(first, Enabled(arguments...)),
        branches_(Of<Argument>::Get(std::forward<Argument>(arguments))...) {}

  Result await_resume() {
    this->Leave();
    return TakeAll(std::index_sequence_for<Argument...>());
  }

 private:
  static constexpr std::array<bool, kCount> kIsElse = {Of<Argument>::kIsElse...};
  static constexpr size_t CountElse() {
    size_t count = 0;
    for (const bool is_else : kIsElse) count += is_else ? 1 : 0;
    return count;
  }
  static_assert(CountElse() == 0 || (CountElse() == 1 && kIsElse[kCount - 1]),
                "Else() is the last branch");

  static std::bitset<kCount> Enabled(const Argument&... arguments) {
    std::bitset<kCount> enabled;
    size_t index = 0;
    ((enabled[index++] = !Of<Argument>::kIsElse && Of<Argument>::condition(arguments)), ...);
    if (CountElse() == 1 && enabled.none()) enabled.set(kCount - 1);
    return enabled;
  }

  void Start(size_t index, Runnable* task, CancelScope& scope) final {
    StartOne(index, task, scope, std::index_sequence_for<Argument...>());
  }
  template <size_t... kIndex>
  void StartOne(size_t index, Runnable* task, CancelScope& scope, std::index_sequence<kIndex...>) {
    (void)((kIndex == index && (std::get<kIndex>(branches_).Start(task, &scope, *this), true)) ||
           ...);
  }
  size_t FindDone() const final {
    return std::apply(
        [](const auto&... branches) {
          size_t index = 0;
          (void)((branches.done() || (++index, false)) || ...);
          return index;
        },
        branches_);
  }

  template <size_t... kIndex>
  Result TakeAll(std::index_sequence<kIndex...>) {
    return Result(this->winner(), typename Result::Values{TakeOne<kIndex>()...});
  }
  template <size_t kIndex>
  auto TakeOne() {
    std::tuple_element_t<kIndex, typename Result::Values> value;
    if (this->begun(kIndex)) value.emplace(std::get<kIndex>(branches_).TakeValue());
    return value;
  }

  std::tuple<internal::Branch<typename Of<Argument>::A>...> branches_;
};

// Tasks and other awaitables that can be moved are moved into it; any other must live until it has
// been awaited, as all do that stand in the same expression.
template <typename... Argument>
OrderedSelectAwaiter<Argument...> SelectBiased(Argument&&... arguments) {
  return OrderedSelectAwaiter<Argument...>(0, std::forward<Argument>(arguments)...);
}
template <typename... Argument>
OrderedSelectAwaiter<Argument...> SelectFair(FairOrder& order, Argument&&... arguments) {
  return OrderedSelectAwaiter<Argument...>(order.NextOf(sizeof...(Argument)),
                                           std::forward<Argument>(arguments)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_SELECT_ORDERED_H_
