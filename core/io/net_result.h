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

#include <string>
#include <string_view>

#include "core/io/result_or_failure.h"
#include "core/net/address.h"

namespace sluice::core {

struct NetError {
  std::string_view operation;  // a literal
  Address where;
  int error = 0;  // an errno

  std::string message() const;
};

template <typename T>
using NetResult = ResultOrFailure<T, NetError>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_NET_RESULT_H_
