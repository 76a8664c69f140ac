// StreamPiece: what stands on the right of a `|` behind a stream: an adapter, which makes a stream
// of it, or a consumer, which makes a Task.
//
//     auto paid = Filter(IsPaid) | Map(&Order::sum);             // pieces make a piece
//     auto sums = ToStream(std::move(orders)) | paid | Chunks(10);
//
// A piece of one's own is a function that makes a stream of a stream:
//
//     auto Numbered() {
//       return StreamPiece([](auto stream) { return std::move(stream) | Zip(ToStream(iota(1))); });
//     }
//
// A stream that is an lvalue is borrowed, any other is moved. Threads: any.
// Checked by: tests/core/streams/adapters_test.cc.
#ifndef SLUICE_CORE_STREAMS_PIPE_H_
#define SLUICE_CORE_STREAMS_PIPE_H_

#include <type_traits>
#include <utility>

#include "core/streams/stream.h"

namespace sluice::core {

template <typename Apply>
class [[nodiscard]] StreamPiece {
 public:
  explicit StreamPiece(Apply apply) : apply_(std::move(apply)) {}

  // Of a stream that is moved into it.
  template <Stream S>
  auto Of(S stream) && {
    return std::move(apply_)(std::move(stream));
  }

 private:
  Apply apply_;
};

template <typename S, typename Apply>
  requires Stream<std::remove_reference_t<S>>
auto operator|(S&& stream, StreamPiece<Apply> piece) {
  return std::move(piece).Of(internal::HoldStream(std::forward<S>(stream)));
}

template <typename First, typename Second>
auto operator|(StreamPiece<First> first, StreamPiece<Second> second) {
  return StreamPiece(
      [first = std::move(first), second = std::move(second)]<Stream S>(S stream) mutable {
        return std::move(stream) | std::move(first) | std::move(second);
      });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_PIPE_H_
