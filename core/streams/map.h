// Map: what a function makes of each item. Filter: the items that a predicate accepts.
//
//     | Map([](int n) { return n * n; })
//     | Map([&](const Url& url) { return client.Get(url); })     // awaited, one after the other
//     | Filter([](const Order& order) { return order.paid; })
//     | Filter([&](const User& user) -> Task<bool> { ... })
//
// The item lives until what the call returns has been awaited; a parameter by value does not, and a
// Get that refers to its argument would outlive it.
//
// To have several calls at a time: buffered.h. A function that is awaited and cut short brings what
// it brings, and that is handed over. A predicate that is cut short and says no, or throws, is
// taken to have given up: the item is kept, and the next Next asks again. What Map awaits brings a
// Unit for void.
//
// Costs: of a function that is not awaited, nothing but the call; else a coroutine each.
// Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_MAP_H_
#define SLUICE_CORE_STREAMS_MAP_H_

#include <utility>

#include "core/streams/asking.h"
#include "core/streams/call.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/streams/then.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <Stream S, typename F>
class MapStream : public OverStream<S> {
  using In = StreamValue<S>;
  using Out = CallValue<F, In>;

 public:
  MapStream(S stream, F function)
      : OverStream<S>(std::move(stream)), function_(std::move(function)) {}

  auto Next() {
    if constexpr (AwaitsCall<F, In>) {
      return NextAwaited();
    } else {
      return Then([this] { return this->stream_.Next(); },
                  [this](Item<In> item) {
                    if (!item) return item.template As<Out>();
                    return Item<Out>(CallNow<F, In>(function_, *std::move(item)));
                  });
    }
  }

 private:
  Task<Item<Out>> NextAwaited() {
    Item<In> item = co_await this->stream_.Next();
    if (!item) co_return item.template As<Out>();
    co_return co_await Call(function_, *std::move(item));
  }

  F function_;
};

}  // namespace internal

template <typename F>
auto Map(F function) {
  return StreamPiece([function = std::move(function)]<Stream S>(S stream) mutable {
    return internal::MapStream<S, F>(std::move(stream), std::move(function));
  });
}

// `accepts(const T&)` returns true or false, or something to await that brings it.
template <typename Accepts>
auto Filter(Accepts accepts) {
  return StreamPiece([accepts = std::move(accepts)]<Stream S>(S stream) mutable {
    return internal::AskingStream<S, Accepts, internal::Refused::kIsLeftOut>(std::move(stream),
                                                                             std::move(accepts));
  });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_MAP_H_
