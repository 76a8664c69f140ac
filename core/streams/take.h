// Take, TakeWhile: the first items, and then the end. Skip: all but the first.
//
//     | Take(10)
//     | TakeWhile([](const Line& line) { return line != "quit"; })     // not that line
//     | Skip(1)
//
// Take takes no more from the stream under it than it brings. TakeWhile also takes the first item
// that is not accepted, and drops it. Both stop that stream (S5 in stream.h) before they bring the
// end. A predicate that is awaited, cut short and says no, or throws, is asked again by the next
// Next.
//
// Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_TAKE_H_
#define SLUICE_CORE_STREAMS_TAKE_H_

#include <cstdint>
#include <utility>

#include "core/streams/asking.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <Stream S>
class TakeStream : public OverStream<S> {
  using T = StreamValue<S>;

 public:
  TakeStream(S stream, uint64_t count) : OverStream<S>(std::move(stream)), left_(count) {}

  Task<Item<T>> Next() {
    if (left_ == 0) {
      if constexpr (HasStop<S>) co_await this->stream_.Stop();
      co_return StreamEnd();
    }
    Item<T> item = co_await this->stream_.Next();
    if (item) --left_;
    co_return std::move(item);
  }

 private:
  uint64_t left_;
};

template <Stream S>
class SkipStream : public OverStream<S> {
  using T = StreamValue<S>;

 public:
  SkipStream(S stream, uint64_t count) : OverStream<S>(std::move(stream)), left_(count) {}

  Task<Item<T>> Next() {
    for (; left_ > 0; --left_) {
      Item<T> item = co_await this->stream_.Next();
      if (!item) co_return std::move(item);
    }
    co_return co_await this->stream_.Next();
  }

 private:
  uint64_t left_;
};

}  // namespace internal

inline auto Take(uint64_t count) {
  return StreamPiece(
      [count]<Stream S>(S stream) { return internal::TakeStream<S>(std::move(stream), count); });
}

// `accepts(const T&)` returns true or false, or something to await that brings it.
template <typename Accepts>
auto TakeWhile(Accepts accepts) {
  return StreamPiece([accepts = std::move(accepts)]<Stream S>(S stream) mutable {
    return internal::AskingStream<S, Accepts, internal::Refused::kIsTheEnd>(std::move(stream),
                                                                            std::move(accepts));
  });
}

inline auto Skip(uint64_t count) {
  return StreamPiece(
      [count]<Stream S>(S stream) { return internal::SkipStream<S>(std::move(stream), count); });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_TAKE_H_
