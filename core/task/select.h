// Select: waits for the first of several awaitables, inside one task.
//
//     auto outcome = co_await Select(Named<"signal">(signals.Next()),
//                                    Named<"timeout">(Sleep(limit)));
//     if (outcome.Won<"timeout">()) co_return;
//     Handle(outcome.Get<"signal">());
//
// The first to finish wins; the others are asked to give up (their cancel scopes are cancelled) and
// waited for: each has finished, with a value, when Select returns, because a loser may have won
// the race. Nothing is allocated besides the frames of the Tasks among them.
//
// The branches have names because an index says nothing where it is read and goes wrong in silence
// when a branch is added in front. Names are strings in the type: they need no declaration, read at
// the call site as what they are, and a name that no branch has, or two have, does not compile. A
// branch without a name, where there are only two or the winner does not matter, is known by its
// index: `outcome.Won<0>()`.
#ifndef SLUICE_CORE_TASK_SELECT_H_
#define SLUICE_CORE_TASK_SELECT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/task/awaitable.h"
#include "core/task/branches.h"

namespace sluice::core {

// A string as a template argument.
template <size_t kSize>
struct BranchName {
  consteval BranchName(const char (&text)[kSize]) { std::copy_n(text, kSize, characters); }
  constexpr std::string_view view() const { return {characters, kSize - 1}; }
  char characters[kSize];
};

// A value of a branch with a name, in the type of a SelectResult.
template <BranchName kName, typename T>
struct NamedValue {};

namespace internal {

template <typename T>
struct ResultOf {
  static constexpr std::string_view kName = {};
  using Value = T;
};
template <BranchName kBranch, typename T>
struct ResultOf<NamedValue<kBranch, T>> {
  static constexpr std::string_view kName = kBranch.view();
  using Value = T;
};

// The names of the branches, and which of them has this one.
template <typename... Result>
inline constexpr std::array<std::string_view, sizeof...(Result)> kNames = {
    ResultOf<Result>::kName...};

template <BranchName kName, typename... Result>
concept NamesOneBranch = std::ranges::count(kNames<Result...>, kName.view()) == 1;

template <BranchName kName, typename... Result>
inline constexpr size_t kIndexOf =
    std::ranges::find(kNames<Result...>, kName.view()) - kNames<Result...>.begin();

}  // namespace internal

// `Result`: the type of a value, or a NamedValue.
template <typename... Result>
class SelectResult {
 public:
  using Values = std::tuple<typename internal::ResultOf<Result>::Value...>;

  SelectResult(size_t winner, Values values) : winner_(winner), values_(std::move(values)) {}

  // Whether that branch was the first to finish.
  template <BranchName kName>
    requires internal::NamesOneBranch<kName, Result...>
  bool Won() const {
    return winner_ == internal::kIndexOf<kName, Result...>;
  }
  template <size_t kIndex>
    requires(kIndex < sizeof...(Result))
  bool Won() const {
    return winner_ == kIndex;
  }

  // What that branch brought, whether it won or not.
  template <BranchName kName>
    requires internal::NamesOneBranch<kName, Result...>
  auto& Get() {
    return std::get<internal::kIndexOf<kName, Result...>>(values_);
  }
  template <BranchName kName>
    requires internal::NamesOneBranch<kName, Result...>
  const auto& Get() const {
    return std::get<internal::kIndexOf<kName, Result...>>(values_);
  }
  template <size_t kIndex>
    requires(kIndex < sizeof...(Result))
  auto& Get() {
    return std::get<kIndex>(values_);
  }
  template <size_t kIndex>
    requires(kIndex < sizeof...(Result))
  const auto& Get() const {
    return std::get<kIndex>(values_);
  }

  const Values& values() const { return values_; }

 private:
  size_t winner_;
  Values values_;
};

// A branch with a name, for Select; made by Named.
template <BranchName kName, typename A>
struct NamedBranch {
  A&& awaitable;
};
template <BranchName kName, Awaitable A>
NamedBranch<kName, A> Named(A&& awaitable) {
  return {std::forward<A>(awaitable)};
}

namespace internal {

// An argument of Select: the awaitable, and how it is told in the result.
template <typename Argument>
struct SelectArgument {
  using A = Argument;
  using Result = typename Branch<A>::Value;
  static A&& Get(Argument&& argument) { return std::forward<Argument>(argument); }
};
template <BranchName kName, typename T>
struct SelectArgument<NamedBranch<kName, T>> {
  using A = T;
  using Result = NamedValue<kName, typename Branch<A>::Value>;
  static A&& Get(NamedBranch<kName, T>&& argument) { return std::forward<A>(argument.awaitable); }
};

}  // namespace internal

template <typename... Argument>
class [[nodiscard]] SelectAwaiter final
    : public internal::Branches<typename internal::SelectArgument<Argument>::A...> {
 public:
  using Result = SelectResult<typename internal::SelectArgument<Argument>::Result...>;

  explicit SelectAwaiter(Argument&&... arguments)
      : internal::Branches<typename internal::SelectArgument<Argument>::A...>(
            /*cancel_rest=*/true,
            internal::SelectArgument<Argument>::Get(std::forward<Argument>(arguments))...) {}

  Result await_resume() { return Result(this->first(), this->TakeValues()); }
};

// Tasks and other awaitables that can be moved are moved into it; any other must live until it has
// been awaited, as all do that stand in the same expression.
template <typename... Argument>
SelectAwaiter<Argument...> Select(Argument&&... arguments) {
  return SelectAwaiter<Argument...>(std::forward<Argument>(arguments)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_SELECT_H_
