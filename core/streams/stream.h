// Stream: items that come one after the other, each of which is waited for; Item<T>: what one wait
// brings.
//
//     while (auto item = co_await stream.Next()) Use(*item);       // the end, or it was cancelled
//     co_await stream.Stop();                                      // where there is one: see S5
//
//     auto sums = ToStream(std::move(receiver)) | Filter(IsPaid) | Map(&Order::sum) | Chunks(10);
//
// A Next brings one of three things, and they are told apart because what is right after the one is
// wrong after the other: Chain goes on to the next stream at the end, not when it is cut short.
//
//   Next ──┬── an item comes ────────────► value        the stream has handed it over
//          ├── no other will come ───────► end          nor by any Next after it
//          └── its scope is cancelled ───► cancelled    a later Next goes on
//
// So it is no std::optional, and no IoResult, in which an error would have to stand for the end. An
// error is a value: a stream that may fail has items that are an IoResult, which the Try forms
// (try.h) look into. An exception is thrown by the Next that would have brought the item.
// WithTimeout knows an Item: `co_await WithTimeout(1s, stream.Next())` is nothing if it was late,
// and an Item that is the end is the end.
//
// Laws that each stream keeps, and all of this folder rely on:
//
//   S1  A cancelled Next has taken nothing: what it had got by then comes with the next one. What
//       comes together with the cancellation is handed over as if there had been none.
//   S2  After the end comes the end; in a cancelled scope it may be *cancelled* instead.
//   S3  One Next at a time, inside one task. A stream is moved only while no Next waits.
//   S4  Nothing is taken ahead, but what an adapter says it holds; that has a bound.
//   S5  A stream may be destroyed whenever no Next waits, but for those that have a Stop(): in them
//       something may still run, and there is no asynchronous destructor. `co_await Stop()` ends it
//       and drops what it brings. Needed on any other way out than the end: behind a Next that was
//       cancelled something may run, too. All that consumes a stream (consume.h, try.h) stops it.
//       A Next behind a Stop brings what an adapter still holds, and then the end.
//
// Callables of adapters return a value or something to await, and are kept as long as the adapter.
// One that is awaited is cancelled with the Next that waits for it; what it brings then is handed
// over like any other (S1: the item is not lost, and what became of it is up to the callable).
// A stream on the left of a `|` that is an lvalue is borrowed, any other is moved.
//
// Why Next, and not a callback: the consumer is the one who sets the pace, so nothing piles up.
// Threads: inside one task. Checked by: tests/core/streams/stream_test.cc.
#ifndef SLUICE_CORE_STREAMS_STREAM_H_
#define SLUICE_CORE_STREAMS_STREAM_H_

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"

namespace sluice::core {

// For `return StreamEnd();` and `return StreamCancelled();` where an Item is brought.
struct StreamEnd {};
struct StreamCancelled {};

template <typename T>
class [[nodiscard]] Item {
 public:
  using Value = T;

  Item(T value) : value_(std::move(value)) {}
  Item(StreamEnd) {}
  Item(StreamCancelled) : cancelled_(true) {}

  explicit operator bool() const { return value_.has_value(); }
  bool ended() const { return !value_.has_value() && !cancelled_; }
  bool cancelled() const { return cancelled_; }

  T& operator*() & {
    SLUICE_DCHECK(value_.has_value());
    return *value_;
  }
  const T& operator*() const& {
    SLUICE_DCHECK(value_.has_value());
    return *value_;
  }
  T&& operator*() && {
    SLUICE_DCHECK(value_.has_value());
    return *std::move(value_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  // The same without a value, as an Item of another type.
  template <typename U>
  Item<U> As() const {
    SLUICE_DCHECK(!value_.has_value());
    return cancelled_ ? Item<U>(StreamCancelled()) : Item<U>(StreamEnd());
  }

 private:
  std::optional<T> value_;
  bool cancelled_ = false;
};

namespace internal {

template <typename T>
inline constexpr bool kIsItem = false;
template <typename T>
inline constexpr bool kIsItem<Item<T>> = true;

template <typename S>
concept HasStop = requires(S& stream) {
  { stream.Stop() } -> Awaitable;
};

}  // namespace internal

template <typename S>
concept Stream = requires(S& stream) {
  { stream.Next() } -> Awaitable;
  requires internal::kIsItem<AwaitValue<decltype(stream.Next())>>;
};

// What its items are.
template <Stream S>
using StreamValue = typename AwaitValue<decltype(std::declval<S&>().Next())>::Value;

// A stream that lives elsewhere, and longer. It is not stopped by those that end early: that is for
// its owner.
template <Stream S>
class BorrowedStream {
 public:
  explicit BorrowedStream(S& stream) : stream_(&stream) {}
  auto Next() { return stream_->Next(); }

 private:
  S* stream_;
};

namespace internal {

// The stream an adapter keeps for `S&&`: an lvalue is borrowed.
template <typename S>
auto HoldStream(S&& stream) {
  if constexpr (std::is_lvalue_reference_v<S>) {
    return BorrowedStream<std::remove_reference_t<S>>(stream);
  } else {
    return std::remove_const_t<S>(std::move(stream));
  }
}
template <typename S>
using HeldStream = decltype(HoldStream(std::declval<S>()));

// The base of an adapter of one stream: to stop it is to stop that.
template <Stream S>
class OverStream {
 public:
  explicit OverStream(S stream) : stream_(std::move(stream)) {}
  auto Stop()
    requires HasStop<S>
  {
    return stream_.Stop();
  }

 protected:
  S stream_;
};

}  // namespace internal

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_STREAM_H_
