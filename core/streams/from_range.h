// ToStream of a range: its elements, one after the other. Unfold: items that a function makes out
// of a state.
//
//     ToStream(std::vector<Url>{...})            moved into the stream, and out of it
//     ToStream(urls)                             an lvalue is borrowed, and copied from
//     ToStream(std::views::iota(1, 101))         a view, also one without an end
//     Unfold(1, [](int& next) { return std::optional(next++); })
//     Unfold(client.FirstPage(), [&](Cursor& at) -> Task<std::optional<Page>> { ... })
//
// `make(State&)` brings an optional, or something to await that brings one; nothing is the end.
// When it is cut short and brings nothing, that Next is cancelled, and the next one asks again.
//
// Threads: inside one task. Checked by: tests/core/streams/sources_test.cc.
#ifndef SLUICE_CORE_STREAMS_FROM_RANGE_H_
#define SLUICE_CORE_STREAMS_FROM_RANGE_H_

#include <concepts>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "core/streams/call.h"
#include "core/streams/stream.h"
#include "core/streams/then.h"
#include "core/streams/turn.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// Range: T& for an lvalue, T for an rvalue. That is kept on the heap: its iterators are to stay
// what they are when the stream is moved.
template <typename Range>
class RangeStream {
  using Kept = std::remove_reference_t<Range>;
  using T = std::ranges::range_value_t<Kept>;
  static constexpr bool kBorrows = std::is_lvalue_reference_v<Range>;
  static constexpr bool kMovesOut = !kBorrows && !std::ranges::view<Kept>;

 public:
  explicit RangeStream(Range&& range) : range_(Hold(std::forward<Range>(range))) {}

  auto Next() {
    return Then([] { return Turn(); },
                [this](bool begun) { return begun ? Take() : Item<T>(StreamCancelled()); });
  }

 private:
  using Holder = std::conditional_t<kBorrows, Kept*, std::unique_ptr<Kept>>;

  static Holder Hold(Range&& range) {
    if constexpr (kBorrows) {
      return &range;
    } else {
      return std::make_unique<Kept>(std::move(range));
    }
  }

  Item<T> Take() {
    if (!next_.has_value()) {
      next_.emplace(std::ranges::begin(*range_));
    } else if (!at_end_) {
      ++*next_;
    }
    if (at_end_ || *next_ == std::ranges::end(*range_)) {
      at_end_ = true;
      return StreamEnd();
    }
    if constexpr (kMovesOut) {
      return Item<T>(std::ranges::iter_move(*next_));
    } else {
      return Item<T>(T(**next_));
    }
  }

  Holder range_;
  std::optional<std::ranges::iterator_t<Kept>> next_;  // since the first item: where that is
  bool at_end_ = false;
};

template <typename State, typename Make>
class UnfoldStream {
  using T = typename CallValue<Make, State&>::value_type;

 public:
  UnfoldStream(State state, Make make) : state_(std::move(state)), make_(std::move(make)) {}

  Task<Item<T>> Next() {
    const Context context = co_await CurrentContext();
    if (!co_await Turn()) co_return StreamCancelled();
    if (ended_) co_return StreamEnd();
    std::optional<T> value;
    if constexpr (AwaitsCall<Make, State&>) {
      value = co_await std::invoke(make_, state_);
    } else {
      value = std::invoke(make_, state_);
    }
    if (value.has_value()) co_return *std::move(value);
    if (context.scope->cancelled()) co_return StreamCancelled();
    ended_ = true;
    co_return StreamEnd();
  }

 private:
  State state_;
  Make make_;
  bool ended_ = false;
};

}  // namespace internal

template <typename Range>
  requires std::ranges::input_range<std::remove_reference_t<Range>> && (!Stream<Range>)
auto ToStream(Range&& range) {
  return internal::RangeStream<Range>(std::forward<Range>(range));
}

template <typename State, typename Make>
auto Unfold(State state, Make make) {
  return internal::UnfoldStream<State, Make>(std::move(state), std::move(make));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_FROM_RANGE_H_
