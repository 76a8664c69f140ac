// TryMap, TryFilter, TryForEach, TryFold, TryCollect: the same as without Try, for items that are
// an IoResult, up to the first error.
//
//     auto sizes = ToStream(Lines(reader, 4096)) | TryMap([](auto line) { return line.size(); });
//     IoResult<void> done = co_await (std::move(lines) | TryForEach([&](std::string line) {
//       return client.Send(std::move(line));               // Task<IoResult<size_t>>
//     }));
//     IoResult<std::vector<Page>> pages =
//         co_await (std::move(urls) | BufferUnordered(5, Get) | TryCollect());
//     IoResult<int> sum = co_await (std::move(lines) | TryFilter(IsPaid) | TryFold(0, AddPrice));
//
// A function gets the value of an item, and its own result may be an IoResult, too: an error of
// either is an error. The first one is the last item of a TryMap and a TryFilter; TryForEach,
// TryFold and TryCollect stop the stream (S5 in stream.h) and bring it. Cut short they bring
// ECANCELED. A call of a TryMap that is cut short and brings ECANCELED is an item, and not the last
// one, nor is such an item of the stream below. A predicate that is cut short and says no, brings
// ECANCELED or throws has given up: the item is kept, and the next Next asks again. An
// IoResult<void> has a Unit for its value.
//
// Threads: inside one task. Checked by: tests/core/streams/try_test.cc.
#ifndef SLUICE_CORE_STREAMS_TRY_H_
#define SLUICE_CORE_STREAMS_TRY_H_

#include <cerrno>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/streams/call.h"
#include "core/streams/consume.h"
#include "core/streams/pipe.h"
#include "core/streams/stream.h"
#include "core/task/awaitable.h"
#include "core/task/gave_up.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <typename S>
concept TryStream = Stream<S> && kIsIoResult<StreamValue<S>>;

// Of an IoResult its value; of anything else itself. Unit for void.
template <typename T>
struct TriedOf {
  using type = T;
};
template <typename T>
struct TriedOf<IoResult<T>> {
  using type = std::conditional_t<std::is_void_v<T>, Unit, T>;
};
template <typename T>
using Tried = typename TriedOf<T>::type;

template <typename T>
IoResult<Tried<T>> AsResult(T value) {
  if constexpr (!kIsIoResult<T>) {
    return IoResult<T>(std::move(value));
  } else if constexpr (std::is_same_v<T, IoResult<void>>) {
    if (!value.ok()) return IoError(value.error());
    return Unit();
  } else {
    return value;
  }
}

// Opens a result: its value, or null, and then its error is kept.
struct OpenResult {
  template <typename T>
  T* operator()(IoResult<T>& result) {
    if (result.ok()) return &*result;
    error = result.error();
    return nullptr;
  }
  Unit* operator()(IoResult<void>& result) {
    error = result.error();
    return result.ok() ? &unit : nullptr;
  }

  int& error;
  static inline Unit unit{};
};

template <TryStream S, typename F>
class TryMapStream : public OverStream<S> {
  using In = Tried<StreamValue<S>>;
  using Out = IoResult<Tried<CallValue<F, In>>>;

 public:
  TryMapStream(S stream, F function)
      : OverStream<S>(std::move(stream)), function_(std::move(function)) {}

  Task<Item<Out>> Next() {
    if (failed_) {
      if constexpr (HasStop<S>) co_await this->stream_.Stop();
      co_return StreamEnd();
    }
    Item<StreamValue<S>> item = co_await this->stream_.Next();
    if (!item) co_return item.template As<Out>();
    int error = 0;
    if (In* const value = OpenResult{error}(*item)) {
      Out out = AsResult(co_await Call(function_, std::move(*value)));
      const Context context = co_await CurrentContext();
      const bool cut_short = context.scope->cancelled() && out.error() == ECANCELED;
      failed_ = !out.ok() && !cut_short;
      co_return std::move(out);
    }
    failed_ = error != ECANCELED;
    co_return Out(IoError(error));
  }

 private:
  F function_;
  bool failed_ = false;
};

template <TryStream S, typename Accepts>
class TryFilterStream : public OverStream<S> {
  using T = Tried<StreamValue<S>>;
  using Out = IoResult<T>;

 public:
  TryFilterStream(S stream, Accepts accepts)
      : OverStream<S>(std::move(stream)), accepts_(std::move(accepts)) {}

  Task<Item<Out>> Next() {
    const Context context = co_await CurrentContext();
    while (!failed_) {
      if (kept_.has_value() && context.scope->cancelled()) co_return StreamCancelled();
      Item<StreamValue<S>> item =
          kept_.has_value() ? *std::exchange(kept_, std::nullopt) : co_await this->stream_.Next();
      if (!item) co_return item.template As<Out>();
      int error = 0;
      T* const value = OpenResult{error}(*item);
      if (value == nullptr) {
        failed_ = error != ECANCELED;
        co_return Out(IoError(error));
      }
      IoResult<bool> accepted = IoError(ECANCELED);
      try {
        accepted = AsResult(co_await Call(accepts_, std::as_const(*value)));
      } catch (...) {  // the way in which some things give up
        if (context.scope->cancelled()) kept_.emplace(std::move(item));
        throw;
      }
      if (accepted.ok() && *accepted) co_return Out(std::move(*value));
      if constexpr (AwaitsCall<Accepts, const T&>) {
        if (context.scope->cancelled() && (accepted.ok() || accepted.error() == ECANCELED)) {
          kept_.emplace(std::move(item));
          continue;
        }
      }
      if (!accepted.ok()) {
        failed_ = true;
        co_return Out(IoError(accepted.error()));
      }
    }
    if constexpr (HasStop<S>) co_await this->stream_.Stop();
    co_return StreamEnd();
  }

 private:
  Accepts accepts_;
  std::optional<Item<StreamValue<S>>> kept_;
  bool failed_ = false;
};

// What a consumer brings that has come to no value.
inline int ErrorOf(Consumed consumed, int error) {
  return consumed == Consumed::kCutShort ? ECANCELED : error;
}

template <TryStream S, typename F>
Task<IoResult<void>> TryForEach(S stream, F function) {
  int error = 0;
  const auto go_on = [&error](auto result) {
    error = AsResult(std::move(result)).error();
    return error == 0;
  };
  const Consumed consumed = co_await Consume(stream, OpenResult{error}, function, go_on);
  if (consumed == Consumed::kAll) co_return IoResult<void>();
  co_return IoError(ErrorOf(consumed, error));
}

template <TryStream S, typename Sum, typename F>
Task<IoResult<Sum>> TryFold(S stream, Sum sum, F function) {
  int error = 0;
  auto add = [&](Tried<StreamValue<S>>&& value) -> decltype(auto) {
    return std::invoke(function, std::move(sum), std::move(value));
  };
  const auto keep = [&](auto result) {
    auto next = AsResult(std::move(result));
    error = next.error();
    if (next.ok()) sum = std::move(*next);
    return next.ok();
  };
  const Consumed consumed = co_await Consume(stream, OpenResult{error}, add, keep);
  if (consumed == Consumed::kAll) co_return std::move(sum);
  co_return IoError(ErrorOf(consumed, error));
}

template <TryStream S>
Task<IoResult<std::vector<Tried<StreamValue<S>>>>> TryCollect(S stream) {
  using T = Tried<StreamValue<S>>;
  int error = 0;
  std::vector<T> values;
  auto add = [&values](T&& value) { values.push_back(std::move(value)); };
  const Consumed consumed = co_await Consume(stream, OpenResult{error}, add, kAlways);
  if (consumed == Consumed::kAll) co_return std::move(values);
  co_return IoError(ErrorOf(consumed, error));
}

}  // namespace internal

// `function(T)` brings a U, or an IoResult<U>: the items are IoResult<U>.
template <typename F>
auto TryMap(F function) {
  return StreamPiece([function = std::move(function)]<internal::TryStream S>(S stream) mutable {
    return internal::TryMapStream<S, F>(std::move(stream), std::move(function));
  });
}

// `accepts(const T&)` brings true or false, or an IoResult<bool>.
template <typename Accepts>
auto TryFilter(Accepts accepts) {
  return StreamPiece([accepts = std::move(accepts)]<internal::TryStream S>(S stream) mutable {
    return internal::TryFilterStream<S, Accepts>(std::move(stream), std::move(accepts));
  });
}

// `function(T)` brings an IoResult, or anything else, which is dropped.
template <typename F>
auto TryForEach(F function) {
  return StreamPiece([function = std::move(function)]<internal::TryStream S>(S stream) mutable {
    return internal::TryForEach(std::move(stream), std::move(function));
  });
}

// `function(Sum, T)` brings the next Sum, or an IoResult<Sum>. An IoResult<Sum>.
template <typename Sum, typename F>
auto TryFold(Sum first, F function) {
  return StreamPiece([first = std::move(first),
                      function = std::move(function)]<internal::TryStream S>(S stream) mutable {
    return internal::TryFold(std::move(stream), std::move(first), std::move(function));
  });
}

// An IoResult<std::vector<T>>.
inline auto TryCollect() {
  return StreamPiece(
      []<internal::TryStream S>(S stream) { return internal::TryCollect(std::move(stream)); });
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_TRY_H_
