// Connected streams of each kind, and what the tests do with them.
#ifndef SLUICE_TESTS_CORE_IO_PAIRS_H_
#define SLUICE_TESTS_CORE_IO_PAIRS_H_

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <type_traits>
#include <utility>

#include "core/io/tcp.h"
#include "core/io/unix.h"
#include "core/task/join.h"
#include "core/task/task.h"
#include "tests/core/support/text.h"

namespace sluice::core::testing {

inline Address AnyPort() { return *Address::Parse("127.0.0.1:0"); }

// An accept, as something that has a value.
template <typename Listener>
auto AcceptFrom(Listener& listener) -> Task<decltype(listener.Accept().await_resume())> {
  co_return co_await listener.Accept();
}

template <typename Stream>
Task<std::pair<Stream, Stream>> MakePair() {
  if constexpr (std::is_same_v<Stream, UnixStream>) {
    NetResult<std::pair<UnixStream, UnixStream>> pair = UnixStream::Pair();
    EXPECT_TRUE(pair.ok()) << pair.message();
    co_return std::move(*pair);
  } else {
    NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
    EXPECT_TRUE(listener.ok()) << listener.message();
    auto [ours, theirs] =
        co_await Join(TcpStream::Connect(listener->local()), AcceptFrom(*listener));
    EXPECT_TRUE(ours.ok()) << ours.message();
    EXPECT_TRUE(theirs.ok());
    co_return std::pair(std::move(*ours), std::move(*theirs));
  }
}

// Until the end; fails the test on an error.
template <typename Reader>
Task<std::string> ReadAll(Reader& reader, size_t at_once = 4096) {
  std::string all;
  std::string part(at_once, '\0');
  while (true) {
    IoResult<size_t> got = co_await reader.Read(RoomIn(part));
    EXPECT_TRUE(got.ok()) << got.error();
    if (!got.ok() || *got == 0) co_return all;
    all.append(part, 0, *got);
  }
}

// All of it; returns how much was written before an error.
template <typename Writer>
Task<size_t> WriteText(Writer& writer, std::string text) {
  size_t done = 0;
  while (done < text.size()) {
    IoResult<size_t> sent = co_await writer.Write(BytesOf(text).subspan(done));
    if (!sent.ok()) break;
    done += *sent;
  }
  co_return done;
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_IO_PAIRS_H_
