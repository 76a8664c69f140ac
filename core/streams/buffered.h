// BufferUnordered, Buffered: several calls at a time, each for an item.
//
//     | BufferUnordered(10, [&](const Url& url) { return client.Get(url); })   // as they come
//     | Buffered(10, [&](const Url& url) { return client.Get(url); })          // in order of items
//     | BufferUnordered(10)                                  // of a stream whose items are Tasks
//
// A call's item lives until the call has ended; a parameter by value does not, and a Get that
// refers to its argument would outlive it.
//
//   stream ── an item is taken when one more may begin ──► calls that run, results that wait
//                                                          at most 10 together ──► Next
//
// Bounded: an item that has been taken is a call that runs or a result that has not been handed
// over, and there are at most so many. All of it is part of the consumer's task: the calls may
// borrow what is around them, and need no lock.
//
// Items are asked for only in a Next that finds no result to hand over. Calls go on while the
// consumer does something else, but no other item is asked for meanwhile, nor as long as results
// wait: of ten calls that have ended together, the ten results are taken before an eleventh begins.
// So a consumer that takes long for each item keeps fewer than `most` calls running; one that only
// hands items on (ForEach into a channel) keeps them all.
//
// Cut short: the calls that run are cancelled and no other begins; what they bring is handed over,
// by that Next and those behind it, and then one Next is cancelled. No item is lost: one that comes
// together with the cancellation waits until its call may begin. A Next that finds a result is not
// cut short, and the calls go on. To wait for the next item or something else without cutting calls
// short: SelectLoop (core/task/select_loop.h).
//
// An exception of a call, or of the stream below, is thrown by the Next that would have brought the
// result; the other calls go on, and so may the consumer. It must not take the stream with it as it
// leaves the scope while they run (checked): catch it, await Stop() behind the catch, and throw it
// on, as all that consumes a stream does.
//
// On a way out before the end `co_await stream.Stop()` cancels what runs and waits for it (S5 in
// stream.h); Take, and all that consumes a stream, do it themselves.
//
// Costs: a coroutine and an allocation for each call. Threads: inside one task.
// Checked by: tests/core/streams/buffered_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_BUFFERED_H_
#define SLUICE_CORE_STREAMS_BUFFERED_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/streams/ahead.h"
#include "core/streams/call.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

enum class BufferOrder : bool { kAsTheyEnd, kOfItems };

template <Stream S, typename F, BufferOrder kOrder>
class BufferedCalls final : public Ahead<CallValue<F, StreamValue<S>>> {
  using In = StreamValue<S>;
  using typename Ahead<CallValue<F, In>>::Result;
  static_assert(AwaitsCall<F, In>, "what is called returns something to await: a Task");

 public:
  BufferedCalls(S stream, size_t most, F function)
      : stream_(std::move(stream)), function_(std::move(function)), most_(most) {}

  ~BufferedCalls() override { this->CheckNothingRuns(); }

  Task<void> Stop() {
    co_await this->StopParts();
    running_ = 0;
    takes_ = false;
    ended_ = true;
    kept_.clear();
    if constexpr (HasStop<S>) co_await stream_.Stop();
  }

 private:
  // In the order of the items the results have their places while they are being made.
  size_t held() {
    return this->results().size() +
           (kOrder == BufferOrder::kAsTheyEnd ? running_ + kept_.size() : 0);
  }

  void Begin() override {
    for (Kept& kept : kept_) {
      ++running_;
      this->parts().Add(CallFor(std::move(kept.item), kept.place));
    }
    kept_.clear();
    if (takes_ || ended_ || held() >= most_) return;
    takes_ = true;
    this->parts().Add(TakeAndCall());
  }

  // Takes an item, and goes on as its call: one part for an item. The part that takes the next one
  // begins behind it. If that would begin at once, before the call, the call is a part of its own.
  Task<void> TakeAndCall() {
    std::optional<Result>* place = nullptr;  // of the result, which stays where it is in a deque
    std::optional<Item<In>> item;
    try {
      while (true) {
        item.emplace(co_await stream_.Next());
        if (!*item) break;
        if constexpr (kOrder == BufferOrder::kOfItems) place = &this->results().emplace_back();
        if (this->parts().cancelled()) {
          kept_.push_back({**std::move(item), place});
          takes_ = false;
          co_return;
        }
        ++running_;
        if (this->parts().begins()) break;
        this->parts().Add(CallFor(**std::move(item), place));
        if (held() >= most_ || !this->parts().waits()) break;
      }
    } catch (...) {
      takes_ = false;
      this->results().emplace_back(Result::OfException());
      co_return;
    }
    takes_ = false;
    if (!*item) {
      ended_ = ended_ || item->ended();
      co_return;
    }
    if (!this->parts().begins()) co_return;
    Begin();
    try {
      Keep(place, co_await Call(function_, **std::move(item)));
    } catch (...) {
      Keep(place, Result::OfException());
    }
  }

  Task<void> CallFor(In item, std::optional<Result>* place) {
    if (this->parts().cancelled()) {
      --running_;
      kept_.push_back({std::move(item), place});
      co_return;
    }
    try {
      Keep(place, co_await Call(function_, std::move(item)));
    } catch (...) {
      Keep(place, Result::OfException());
    }
  }

  // `value`: of the call, or a Result.
  template <typename Value>
  void Keep(std::optional<Result>* place, Value&& value) {
    if constexpr (kOrder == BufferOrder::kOfItems) {
      place->emplace(std::forward<Value>(value));
    } else {
      this->results().emplace_back(std::in_place, std::forward<Value>(value));
    }
    --running_;
  }

  // Its call has not begun, for it could only have failed: it came together with a cancellation, or
  // between two Nexts of which the second was cut short.
  struct Kept {
    In item;
    std::optional<Result>* place;
  };

  S stream_;
  F function_;
  const size_t most_;
  std::vector<Kept> kept_;
  size_t running_ = 0;
  bool takes_ = false;  // a part waits for the next item
  bool ended_ = false;
};

template <Stream S, typename F, BufferOrder kOrder>
class BufferedStream {
  using Calls = BufferedCalls<S, F, kOrder>;

 public:
  BufferedStream(S stream, size_t most, F function)
      : calls_(std::make_unique<Calls>(std::move(stream), most, std::move(function))) {}

  auto Next() { return calls_->Next(); }
  Task<void> Stop() { return calls_->Stop(); }

 private:
  std::unique_ptr<Calls> calls_;  // what runs knows where it is
};

// Of items that can be awaited.
struct AwaitIt {
  template <typename A>
  A operator()(A awaitable) const {
    return awaitable;
  }
};

template <BufferOrder kOrder, typename F>
auto BufferedPiece(size_t most, F function) {
  SLUICE_CHECK_USE(most > 0, "with 0 calls at a time nothing begins: give it at least 1");
  return StreamPiece([most, function = std::move(function)]<Stream S>(S stream) mutable {
    return BufferedStream<S, F, kOrder>(std::move(stream), most, std::move(function));
  });
}

}  // namespace internal

// `function(T)` returns something to await, as a rule a Task; without one each item is that.
template <typename F = internal::AwaitIt>
auto BufferUnordered(size_t most, F function = {}) {
  return internal::BufferedPiece<internal::BufferOrder::kAsTheyEnd>(most, std::move(function));
}

template <typename F = internal::AwaitIt>
auto Buffered(size_t most, F function = {}) {
  return internal::BufferedPiece<internal::BufferOrder::kOfItems>(most, std::move(function));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_BUFFERED_H_
