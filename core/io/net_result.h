// NetResult<T>: what opening something brought: a value, or an error that says what was tried,
// where, and why it failed (NetError).
//
//     NetResult<TcpStream> stream = co_await TcpStream::Connect(address);
//     if (!stream.ok()) return Fail(stream.message());    // "connect 127.0.0.1:81: Connection ..."
//     if (stream.error() == ECONNREFUSED) ...            // an errno, as in an IoResult
//
// What goes on all the time (a read, a write, an accept) brings an IoResult, which is two words;
// TcpStream::Error and the like make a sentence of it when one is wanted.
#ifndef SLUICE_CORE_IO_NET_RESULT_H_
#define SLUICE_CORE_IO_NET_RESULT_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/net/address.h"

namespace sluice::core {

struct NetError {
  std::string_view operation;  // a literal
  Address where;
  int error = 0;  // an errno

  std::string message() const;
};

template <typename T>
class [[nodiscard]] NetResult {
 public:
  NetResult(T value) : value_(std::move(value)) {}
  NetResult(NetError failure) : failure_(failure) { SLUICE_DCHECK(failure.error > 0); }

  bool ok() const { return value_.has_value(); }
  int error() const { return failure_.error; }                // 0: there is a value
  std::string message() const { return failure_.message(); }  // of an error
  const NetError& failure() const { return failure_; }

  T& operator*() {
    SLUICE_CHECK_USE(ok(), "there is no value: ask ok() before");
    return *value_;
  }
  T* operator->() { return &**this; }

 private:
  std::optional<T> value_;
  NetError failure_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_NET_RESULT_H_
