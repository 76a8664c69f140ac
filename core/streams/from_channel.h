// ToStream of the receiving end of a channel: what is received.
//
//     ToStream(std::move(receiver))      of an Mpsc<T> or Mpmc<T>: T
//                                        of a Broadcast<T>: std::variant<T, Lagged>
//                                        of a Watch<T>: T, each value that it has not seen; those
//                                        that came and went between two Nexts are skipped
//     ToStream(receiver)                 an lvalue is borrowed
//
// The end is that of the channel: the last sender has gone. A cancelled Next has received nothing.
// Threads: inside one task. Checked by: tests/core/streams/sources_test.cc.
#ifndef SLUICE_CORE_STREAMS_FROM_CHANNEL_H_
#define SLUICE_CORE_STREAMS_FROM_CHANNEL_H_

#include <cerrno>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/streams/stream.h"
#include "core/streams/then.h"
#include "core/task/gave_up.h"

namespace sluice::core {

namespace internal {

template <typename R>
concept ReceivesValues = requires(R& receiver) {
  requires kIsIoResult<AwaitValue<decltype(receiver.Next())>>;
  receiver.TryNext();
  receiver.BlockingNext();
};
template <typename R>
concept ReceivesChanges = requires(R& receiver) {
  { receiver.Changed() } -> Awaitable;
  receiver.BlockingChanged();
  receiver.Get();
};

// Why there is nothing.
template <typename T>
Item<T> NothingReceived(int error) {
  if (error == ECANCELED) return StreamCancelled();
  SLUICE_CHECK(error == EPIPE);
  return StreamEnd();
}

// Receiver: T& for an lvalue, T for an rvalue.
template <typename Receiver>
class ChannelStream {
 public:
  explicit ChannelStream(Receiver&& receiver) : receiver_(std::forward<Receiver>(receiver)) {}

  auto Next() {
    return Then([this] { return receiver_.Next(); },
                []<typename T>(IoResult<T> received) {
                  if (!received.ok()) return NothingReceived<T>(received.error());
                  return Item<T>(std::move(*received));
                });
  }

 private:
  Receiver receiver_;
};

template <typename Receiver>
class ChangesStream {
 public:
  explicit ChangesStream(Receiver&& receiver) : receiver_(std::forward<Receiver>(receiver)) {}

  auto Next() {
    return Then([this] { return receiver_.Changed(); },
                [this](IoResult<void> changed) {
                  using T = decltype(receiver_.Get());
                  if (!changed.ok()) return NothingReceived<T>(changed.error());
                  return Item<T>(receiver_.Get());
                });
  }

 private:
  Receiver receiver_;
};

}  // namespace internal

template <typename Receiver>
  requires internal::ReceivesValues<Receiver>
auto ToStream(Receiver&& receiver) {
  return internal::ChannelStream<Receiver>(std::forward<Receiver>(receiver));
}

template <typename Receiver>
  requires internal::ReceivesChanges<Receiver>
auto ToStream(Receiver&& receiver) {
  return internal::ChangesStream<Receiver>(std::forward<Receiver>(receiver));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_FROM_CHANNEL_H_
