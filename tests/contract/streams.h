// What tasks of the contract's tests do with streams of bytes and with time.
#ifndef SLUICE_TESTS_CONTRACT_STREAMS_H_
#define SLUICE_TESTS_CONTRACT_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/base/result.h"
#include "core/io/recv_stream.h"
#include "core/io/send.h"
#include "core/task/task.h"
#include "tests/contract/sockets.h"
#include "tests/core/support/yield.h"

namespace sluice::contract {

using core::IoResult;
using core::RecvStream;
using core::Task;
using core::testing::Turns;
using core::testing::Until;
using core::testing::Yield;

inline std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

inline std::string TextOf(const core::BufferLease& lease) {
  const std::span<const std::byte> bytes = lease.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// How a stream of bytes went: what came, and how it ended.
struct Received {
  std::string text;
  int error = 0;     // 0: the end, or enough
  bool end = false;  // the peer has finished
};

// One more buffer.
inline Task<Received> ReceiveNext(RecvStream& stream) {
  IoResult<core::BufferLease> lease = co_await stream.Next();
  if (!lease.ok()) co_return Received{.text = "", .error = lease.error()};
  if (lease->empty()) co_return Received{.text = "", .end = true};
  co_return Received{.text = TextOf(*lease)};
}

// Until there are `count` bytes or the stream is over.
inline Task<Received> Receive(RecvStream& stream, size_t count) {
  Received all;
  while (all.text.size() < count && all.error == 0 && !all.end) {
    const Received next = co_await ReceiveNext(stream);
    all.text += next.text;
    all.error = next.error;
    all.end = next.end;
  }
  co_return all;
}

inline Task<Received> ReceiveToEnd(RecvStream& stream) { return Receive(stream, SIZE_MAX); }

// All of it; 0 or the error.
inline Task<int> SendAll(int fd, std::string text) {
  for (std::span<const std::byte> rest = AsBytes(text); !rest.empty();) {
    IoResult<size_t> sent = co_await core::Send(fd, rest);
    if (!sent.ok()) co_return sent.error();
    rest = rest.subspan(*sent);
  }
  co_return 0;
}

inline Task<void> StopAndClose(RecvStream& stream) {
  co_await stream.Stop();
  CloseHere(stream.fd());
}

// The stream has ended at `fd`, a descriptor of the peer's; without blocking the worker.
inline Task<void> UntilEnd(int fd) {
  char byte;
  co_await Until([fd, &byte] { return recv(fd, &byte, 1, MSG_DONTWAIT) == 0; });
}

// What the peer gets, without blocking the worker.
inline Task<std::string> PeerReceives(int fd, size_t count) {
  std::string text;
  co_await Until([fd, count, &text] {
    text += ReceiveSome(fd, count - text.size());
    return text.size() == count;
  });
  co_return text;
}

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_STREAMS_H_
