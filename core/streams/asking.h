// AskingStream: the items that a predicate accepts: the common part of Filter and TakeWhile.
// Internal.
//
//   item ── the predicate ──┬── yes ───────────────────────► handed over
//                           ├── no ────────────────────────► dropped, and the next one or the end
//                           └── no, or throws, cut short ──► kept: the next Next asks again
//
// Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc, tests/core/streams/adapter_orders_test.cc.
#ifndef SLUICE_CORE_STREAMS_ASKING_H_
#define SLUICE_CORE_STREAMS_ASKING_H_

#include <optional>
#include <utility>

#include "core/streams/call.h"
#include "core/streams/stream.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core::internal {

// What an item is that is not accepted.
enum class Refused : bool { kIsLeftOut, kIsTheEnd };

template <Stream S, typename Accepts, Refused kRefused>
class AskingStream : public OverStream<S> {
  using T = StreamValue<S>;

 public:
  AskingStream(S stream, Accepts accepts)
      : OverStream<S>(std::move(stream)), accepts_(std::move(accepts)) {}

  Task<Item<T>> Next() {
    const Context context = co_await CurrentContext();
    while (!ended_) {
      if (kept_.has_value() && context.scope->cancelled()) co_return StreamCancelled();
      Item<T> item = kept_.has_value() ? TakeKept() : co_await this->stream_.Next();
      if (!item) co_return std::move(item);
      bool accepted = false;
      try {
        accepted = co_await Call(accepts_, std::as_const(*item));
      } catch (...) {  // the way in which some things give up
        if (context.scope->cancelled()) kept_.emplace(*std::move(item));
        throw;
      }
      if (accepted) co_return std::move(item);
      if constexpr (AwaitsCall<Accepts, const T&>) {
        if (context.scope->cancelled()) {
          kept_.emplace(*std::move(item));
          continue;
        }
      }
      ended_ = kRefused == Refused::kIsTheEnd;
    }
    if constexpr (HasStop<S>) co_await this->stream_.Stop();
    co_return StreamEnd();
  }

 private:
  Item<T> TakeKept() {
    Item<T> item(*std::move(kept_));
    kept_.reset();
    return item;
  }

  Accepts accepts_;
  std::optional<T> kept_;
  bool ended_ = false;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_ASKING_H_
