// Merge: the items of several streams, as they come.
//
//     ToStream(std::move(commands)) | Merge(ToStream(Interval(1s)) | Map(ToCommand), Events(log))
//
// All streams have items of one type. Each is waited for at the same time, and no Next of them is
// cut short because another stream was first: a Generator may be among them. It holds at most one
// item of each stream. No stream is asked again before its last item has been handed over; one
// that always has an item keeps the others back for a turn of the task at most (kCoopBudget). The
// end comes when all have ended.
//
// Cut short: the Nexts that wait are cancelled; an item that comes all the same is handed over.
// On a way out before the end `co_await stream.Stop()` (S5 in stream.h).
//
// Costs: a coroutine and an allocation for each item. Threads: inside one task.
// Checked by: tests/core/streams/merge_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_MERGE_H_
#define SLUICE_CORE_STREAMS_MERGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/streams/ahead.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <Stream First, Stream... Others>
class MergedStreams final : public Ahead<StreamValue<First>> {
  using T = StreamValue<First>;
  using typename Ahead<T>::Result;
  using Indices = std::index_sequence_for<First, Others...>;
  static_assert((std::is_same_v<T, StreamValue<Others>> && ...),
                "merged streams have items of one type: Map them");

 public:
  explicit MergedStreams(First first, Others... others)
      : streams_(std::move(first), std::move(others)...) {}

  ~MergedStreams() override { this->CheckNothingRuns(); }

  Task<void> Stop() {
    co_await this->StopParts();
    states_.fill(State::kEnded);
    co_await StopAll(Indices());
  }

 private:
  enum class State : uint8_t { kIdle, kAsked, kEnded };

  void Begin() override { AskAll(Indices()); }
  template <size_t... kIndex>
  void AskAll(std::index_sequence<kIndex...>) {
    (Ask<kIndex>(), ...);
  }
  template <size_t kIndex>
  void Ask() {
    if (states_[kIndex] != State::kIdle) return;
    states_[kIndex] = State::kAsked;
    this->parts().Add(NextOf<kIndex>());
  }

  template <size_t kIndex>
  Task<void> NextOf() {
    try {
      Item<T> item = co_await std::get<kIndex>(streams_).Next();
      if (item) this->results().emplace_back(Result(*std::move(item)));
      states_[kIndex] = item.ended() ? State::kEnded : State::kIdle;
    } catch (...) {
      this->results().emplace_back(Result::OfException());
      states_[kIndex] = State::kIdle;
    }
  }

  template <size_t... kIndex>
  Task<void> StopAll(std::index_sequence<kIndex...>) {
    (co_await StopOne(std::get<kIndex>(streams_)), ...);
  }
  template <Stream S>
  static Task<void> StopOne(S& stream) {
    if constexpr (HasStop<S>) co_await stream.Stop();
    co_return;
  }

  std::tuple<First, Others...> streams_;
  std::array<State, 1 + sizeof...(Others)> states_{};
};

template <Stream... S>
class MergeStream {
  using Streams = MergedStreams<S...>;

 public:
  explicit MergeStream(S... streams) : streams_(std::make_unique<Streams>(std::move(streams)...)) {}

  auto Next() { return streams_->Next(); }
  Task<void> Stop() { return streams_->Stop(); }

 private:
  std::unique_ptr<Streams> streams_;  // what runs knows where it is
};

}  // namespace internal

template <typename... Others>
  requires(sizeof...(Others) > 0 && (Stream<std::remove_reference_t<Others>> && ...))
auto Merge(Others&&... others) {
  return StreamPiece([held = std::tuple(internal::HoldStream(
                          std::forward<Others>(others))...)]<Stream S>(S stream) mutable {
    return std::apply(
        [&stream](auto&... other) {
          return internal::MergeStream<S, internal::HeldStream<Others>...>(std::move(stream),
                                                                           std::move(other)...);
        },
        held);
  });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_MERGE_H_
