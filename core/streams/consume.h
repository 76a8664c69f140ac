// ForEach, Fold, Collect, CollectInto: what takes a stream to its end. Each makes a Task.
//
//     co_await (std::move(lines) | ForEach([&](Line line) -> Task<void> { ... }));   // in turn
//     double sum = co_await (readings | Fold(0.0, std::plus<>()));
//     std::vector<Page> pages = co_await (std::move(urls) | Buffered(5, Get) | Collect());
//
//   stream ── item ──► the function, awaited ──┬── the end comes ──────────────► value
//      ▲                                       ├── an exception: Stop, wait ───► goes on
//      └───────────── item after item ─────────┴── cut short ──────────────────► throws Cancelled
//
// Cut short it throws Cancelled (core/task/outcome.h): half of a sum looks like a sum. What
// CollectInto has taken by then is in its vector. A call that is awaited is cancelled with it, and
// has ended. To go on after an error that is a value, or to stop at one: try.h.
//
// Afterwards nothing of the stream runs (S5 in stream.h); one that is borrowed is left as it is.
// Collect is bounded by the stream: put a Take before it where the other side decides how many
// there are. Threads: inside one task. Checked by: tests/core/streams/consume_test.cc.
#ifndef SLUICE_CORE_STREAMS_CONSUME_H_
#define SLUICE_CORE_STREAMS_CONSUME_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "core/streams/call.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

enum class Consumed : uint8_t { kAll, kLeft, kCutShort };

// Calls `each(*open(item))`, awaits it, and leaves the stream if `open` returns null or `go_on(what
// the call brings)` false.
template <Stream S, typename Open, typename Each, typename GoOn>
Task<Consumed> Consume(S& stream, Open open, Each& each, GoOn go_on) {
  Consumed consumed = Consumed::kLeft;
  std::exception_ptr thrown;
  try {
    while (true) {
      Item<StreamValue<S>> item = co_await stream.Next();
      if (!item) {
        consumed = item.ended() ? Consumed::kAll : Consumed::kCutShort;
        break;
      }
      auto* const argument = open(*item);
      if (argument == nullptr || !go_on(co_await Call(each, std::move(*argument)))) break;
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  if constexpr (HasStop<S>) co_await stream.Stop();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  co_return consumed;
}

inline constexpr auto kWhole = [](auto& item) { return &item; };
inline constexpr auto kAlways = [](auto&&) { return true; };

inline void ThrowIfCutShort(Consumed consumed) {
  if (consumed == Consumed::kCutShort) throw Cancelled();
}

template <Stream S, typename F>
Task<void> ForEach(S stream, F function) {
  ThrowIfCutShort(co_await Consume(stream, kWhole, function, kAlways));
}

template <Stream S, typename Sum, typename F>
Task<Sum> Fold(S stream, Sum sum, F function) {
  auto add = [&](StreamValue<S>&& item) -> decltype(auto) {
    return std::invoke(function, std::move(sum), std::move(item));
  };
  const auto keep = [&sum](auto&& next) {
    sum = std::forward<decltype(next)>(next);
    return true;
  };
  ThrowIfCutShort(co_await Consume(stream, kWhole, add, keep));
  co_return std::move(sum);
}

template <Stream S, typename Values>
Task<void> CollectInto(S stream, Values& values) {
  auto add = [&values](StreamValue<S>&& item) { values.push_back(std::move(item)); };
  ThrowIfCutShort(co_await Consume(stream, kWhole, add, kAlways));
}

template <Stream S>
Task<std::vector<StreamValue<S>>> Collect(S stream) {
  std::vector<StreamValue<S>> values;
  co_await CollectInto(std::move(stream), values);
  co_return std::move(values);
}

}  // namespace internal

// `function(T)`; what it brings is dropped.
template <typename F>
auto ForEach(F function) {
  return StreamPiece([function = std::move(function)]<Stream S>(S stream) mutable {
    return internal::ForEach(std::move(stream), std::move(function));
  });
}

// `function(Sum, T)` brings the next Sum.
template <typename Sum, typename F>
auto Fold(Sum first, F function) {
  return StreamPiece(
      [first = std::move(first), function = std::move(function)]<Stream S>(S stream) mutable {
        return internal::Fold(std::move(stream), std::move(first), std::move(function));
      });
}

// A std::vector<T>.
inline auto Collect() {
  return StreamPiece([]<Stream S>(S stream) { return internal::Collect(std::move(stream)); });
}

// Appends to `values`, which outlives it.
template <typename Values>
auto CollectInto(Values& values) {
  return StreamPiece(
      [&values]<Stream S>(S stream) { return internal::CollectInto(std::move(stream), values); });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_CONSUME_H_
