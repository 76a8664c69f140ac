// ToStream of Lines or Split (core/bytes/buf_reader.h): each line or piece, as an
// IoResult<std::string>.
//
//     BufReader reader(stream);
//     auto lines = ToStream(Lines(reader, /*most=*/4096));
//
// Strings and not views: an item may be kept for longer than until the next one comes. The first
// error is the last item. A cancelled Next has lost nothing of a line.
// Threads: inside one task. Checked by: tests/core/streams/from_lines_test.cc.
#ifndef SLUICE_CORE_STREAMS_FROM_LINES_H_
#define SLUICE_CORE_STREAMS_FROM_LINES_H_

#include <cerrno>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/streams/stream.h"
#include "core/streams/then.h"
#include "core/task/awaitable.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <typename U>
concept BringsViews = requires(U& units) {
  requires std::same_as<AwaitValue<decltype(units.Next())>,
                        IoResult<std::optional<std::string_view>>>;
};

template <BringsViews Units>
class UnitStream {
  using View = IoResult<std::optional<std::string_view>>;
  using Text = IoResult<std::string>;

 public:
  explicit UnitStream(Units units) : units_(std::move(units)) {}

  auto Next() {
    return Then([this] { return NextView(); },
                [this](View view) { return ItemOf(std::move(view)); });
  }

 private:
  Task<View> NextView() {
    if (ended_) co_return std::optional<std::string_view>();
    co_return co_await units_.Next();
  }

  Item<Text> ItemOf(View view) {
    if (view.ok() && view->has_value()) return Item<Text>(Text(std::string(**view)));
    if (!view.ok() && view.error() == ECANCELED) return StreamCancelled();
    ended_ = true;
    if (view.ok()) return StreamEnd();
    return Item<Text>(Text(IoError(view.error())));
  }

  Units units_;
  bool ended_ = false;
};

}  // namespace internal

template <internal::BringsViews Units>
auto ToStream(Units units) {
  return internal::UnitStream<Units>(std::move(units));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_FROM_LINES_H_
