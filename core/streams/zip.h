// Zip: pairs of an item of each of two streams. Chain: one stream, and then another.
//
//     | Zip(ToStream(std::views::iota(1)))      std::pair<T, int>
//     | Chain(ToStream(more))
//
// Zip takes from the first stream, then from the second; it ends with the one that ends first. It
// holds the first item of a pair while it waits for the second, also over a Next that was cut
// short; if the second ends then, that item is dropped. It stops (S5 in stream.h) the other stream
// when one has ended.
//
// Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_ZIP_H_
#define SLUICE_CORE_STREAMS_ZIP_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// The base of an adapter of two streams.
template <Stream First, Stream Second>
class OverTwoStreams {
 public:
  OverTwoStreams(First first, Second second)
      : first_(std::move(first)), second_(std::move(second)) {}

  Task<void> Stop()
    requires(HasStop<First> || HasStop<Second>)
  {
    return StopBoth();
  }

 protected:
  Task<void> StopBoth() {
    if constexpr (HasStop<First>) co_await first_.Stop();
    if constexpr (HasStop<Second>) co_await second_.Stop();
    co_return;
  }

  First first_;
  Second second_;
};

template <Stream First, Stream Second>
class ZipStream : public OverTwoStreams<First, Second> {
  using A = StreamValue<First>;
  using B = StreamValue<Second>;
  using Pair = std::pair<A, B>;

 public:
  using OverTwoStreams<First, Second>::OverTwoStreams;

  Task<Item<Pair>> Next() {
    if (ended_) co_return StreamEnd();
    if (!held_.has_value()) {
      Item<A> first = co_await this->first_.Next();
      if (!first) co_return co_await Without(first.template As<Pair>());
      held_.emplace(*std::move(first));
    }
    Item<B> second = co_await this->second_.Next();
    if (!second) co_return co_await Without(second.template As<Pair>());
    Pair pair(*std::move(held_), *std::move(second));
    held_.reset();
    co_return std::move(pair);
  }

 private:
  Task<Item<Pair>> Without(Item<Pair> nothing) {
    if (nothing.ended()) {
      ended_ = true;
      held_.reset();
      co_await this->StopBoth();
    }
    co_return std::move(nothing);
  }

  std::optional<A> held_;  // waits for its partner
  bool ended_ = false;
};

template <Stream First, Stream Second>
class ChainStream : public OverTwoStreams<First, Second> {
  using T = StreamValue<First>;
  static_assert(std::is_same_v<T, StreamValue<Second>>, "chained streams have items of one type");

 public:
  using OverTwoStreams<First, Second>::OverTwoStreams;

  Task<Item<T>> Next() {
    if (!first_ended_) {
      Item<T> item = co_await this->first_.Next();
      if (!item.ended()) co_return std::move(item);
      first_ended_ = true;
    }
    co_return co_await this->second_.Next();
  }

 private:
  bool first_ended_ = false;
};

}  // namespace internal

template <typename Second>
  requires Stream<std::remove_reference_t<Second>>
auto Zip(Second&& second) {
  return StreamPiece([held = internal::HoldStream(std::forward<Second>(second))]<Stream S>(
                         S stream) mutable {
    return internal::ZipStream<S, internal::HeldStream<Second>>(std::move(stream), std::move(held));
  });
}

template <typename Second>
  requires Stream<std::remove_reference_t<Second>>
auto Chain(Second&& second) {
  return StreamPiece(
      [held = internal::HoldStream(std::forward<Second>(second))]<Stream S>(S stream) mutable {
        return internal::ChainStream<S, internal::HeldStream<Second>>(std::move(stream),
                                                                      std::move(held));
      });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_ZIP_H_
