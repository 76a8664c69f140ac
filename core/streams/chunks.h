// Chunks: items by the vector. Throttle: items at a distance in time.
//
//     | Chunks(100)             std::vector<T> of 100 items; the last one may have fewer
//     | Throttle(10ms)          at most one item in 10 ms
//
// Chunks holds what it has of the next chunk, also over a Next that was cut short; at the end that
// is the last chunk. Throttle takes an item only when it may hand it over; after a pause there is
// no burst.
//
// Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_CHUNKS_H_
#define SLUICE_CORE_STREAMS_CHUNKS_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/time.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/task.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core {

namespace internal {

template <Stream S>
class ChunksStream : public OverStream<S> {
  using T = StreamValue<S>;

 public:
  ChunksStream(S stream, size_t size) : OverStream<S>(std::move(stream)), size_(size) {}

  Task<Item<std::vector<T>>> Next() {
    while (held_.size() < size_) {
      Item<T> item = co_await this->stream_.Next();
      if (item) {
        held_.push_back(*std::move(item));
        continue;
      }
      if (item.cancelled() || held_.empty()) co_return item.template As<std::vector<T>>();
      break;
    }
    co_return std::exchange(held_, {});
  }

 private:
  const size_t size_;
  std::vector<T> held_;
};

template <Stream S>
class ThrottleStream : public OverStream<S> {
  using T = StreamValue<S>;

 public:
  ThrottleStream(S stream, Duration distance)
      : OverStream<S>(std::move(stream)), distance_(distance) {}

  Task<Item<T>> Next() {
    if (next_at_.has_value() && !co_await SleepUntil(*next_at_)) co_return StreamCancelled();
    Item<T> item = co_await this->stream_.Next();
    if (item) next_at_ = Now() + distance_;
    co_return std::move(item);
  }

 private:
  const Duration distance_;
  OptionalInstant next_at_;  // none: there has been no item
};

}  // namespace internal

inline auto Chunks(size_t size) {
  SLUICE_CHECK_USE(size > 0, "a chunk has at least one item");
  return StreamPiece(
      [size]<Stream S>(S stream) { return internal::ChunksStream<S>(std::move(stream), size); });
}

inline auto Throttle(Duration distance) {
  SLUICE_CHECK_USE(distance > 0ns, "the distance of a Throttle is at least a nanosecond");
  return StreamPiece([distance]<Stream S>(S stream) {
    return internal::ThrottleStream<S>(std::move(stream), distance);
  });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_CHUNKS_H_
