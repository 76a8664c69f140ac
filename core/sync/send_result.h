// SendResult<T>: what sending a value into a channel brought. An IoResult<void> that gives the
// value back when it has not been sent, so that a caller can try again or send it elsewhere.
//
//     auto sent = co_await orders.Send(std::move(order));
//     if (!sent.ok()) {                      // EPIPE: no receiver is left; ECANCELED: given up
//       undelivered.push_back(sent.TakeUnsent());
//     }
//
// Errors: EPIPE, the channel is closed; ECANCELED, the scope was cancelled first (only what is
// awaited); EAGAIN, there is no free slot (only TrySend).
// Checked by: tests/core/sync/mpsc_test.cc.
#ifndef SLUICE_CORE_SYNC_SEND_RESULT_H_
#define SLUICE_CORE_SYNC_SEND_RESULT_H_

#include <optional>
#include <utility>

#include "core/base/check.h"

namespace sluice::core {

template <typename T>
class [[nodiscard]] SendResult {
 public:
  SendResult() = default;  // sent
  SendResult(int error, T unsent) : unsent_(std::move(unsent)), error_(error) {}

  // `error` 0: sent, and nothing is left in `value`.
  static SendResult Of(int error, T& value) {
    return error == 0 ? SendResult() : SendResult(error, std::move(value));
  }

  bool ok() const { return error_ == 0; }
  int error() const { return error_; }

  // After an error, once.
  T TakeUnsent() {
    SLUICE_CHECK_USE(unsent_.has_value(), "a value that has been sent is with the receiver");
    return *std::exchange(unsent_, std::nullopt);
  }

 private:
  std::optional<T> unsent_;
  int error_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_SEND_RESULT_H_
