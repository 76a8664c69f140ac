// AsyncRead, AsyncWrite: what the functions of this folder ask of a stream of bytes.
//
//     co_await stream.Read(bytes)       IoResult<size_t>: how many bytes are in `bytes` now, at
//                                       least one; 0 is the end. `bytes` is not empty
//     co_await stream.Write(bytes)      IoResult<size_t>: how many were taken, at least one
//     co_await stream.WriteMany(parts)  the same for several, one behind the other
//     co_await stream.Shutdown()        IoResult<void>: what was written is all, and the reader at
//                                       the other end comes to an end
//
// Laws that a stream keeps, and the functions of this folder rely on:
//
//   B1  A read or write that is cut short by its scope has moved nothing (ECANCELED), or says how
//       much it has moved. Either way it may be called again, and goes on there.
//   B2  The memory is the caller's again when the co_await has ended, not before: also when it was
//       cut short.
//   B3  One read and one write may wait at the same time; never two reads, never two writes.
//   B4  What a write has taken is on its way: nothing is kept back, so there is no Flush. Many
//       small pieces go out together as parts (WriteAll in whole.h), in a string that they are
//       appended to, or as frames that are fed (frames.h, which has a Flush for these).
//
// TcpStream, UnixStream and File are both, and their halves, the ends of a Pipe and the standard
// streams one of the two (core/io); to read from there are BufReader and SpanReader, and for tests
// Duplex and Faulty (core/testing).
#ifndef SLUICE_CORE_BYTES_ASYNC_STREAM_H_
#define SLUICE_CORE_BYTES_ASYNC_STREAM_H_

#include <concepts>
#include <cstddef>
#include <span>

#include "core/base/result.h"
#include "core/task/awaitable.h"

namespace sluice::core {

// An awaitable that brings a T.
template <typename A, typename T>
concept Brings = Awaitable<A> && std::same_as<AwaitValue<A>, T>;

template <typename S>
concept AsyncRead = requires(S& stream, std::span<std::byte> bytes) {
  { stream.Read(bytes) } -> Brings<IoResult<size_t>>;
};

template <typename S>
concept AsyncWrite = requires(S& stream, std::span<const std::byte> bytes,
                              std::span<const std::span<const std::byte>> parts) {
  { stream.Write(bytes) } -> Brings<IoResult<size_t>>;
  { stream.WriteMany(parts) } -> Brings<IoResult<size_t>>;
  { stream.Shutdown() } -> Brings<IoResult<void>>;
};

template <typename S>
concept AsyncStream = AsyncRead<S> && AsyncWrite<S>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_ASYNC_STREAM_H_
