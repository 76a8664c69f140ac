// Three more ways to write an echo server, for bytes instead of lines:
//
//     bazel run //core/examples:echo_ways -- manual 127.0.0.1:8080
//
//   manual   a loop of Read and Write
//   copy     the same loop as the library has it
//   split    one task reads and another one writes: the client is read while it is not yet written
//            to, until the queue between the two is full
#include <array>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/examples/accept_loop.h"
#include "core/examples/arguments.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

core::Task<void> ServeManually(core::TcpStream client) {
  std::array<std::byte, 4096> buffer;
  while (true) {
    core::IoResult<size_t> got = co_await client.Read(buffer);
    if (!got.ok() || *got == 0) co_return;
    // A write takes what the kernel has room for, which may be less.
    std::span<const std::byte> rest = std::span(buffer).first(*got);
    while (!rest.empty()) {
      core::IoResult<size_t> sent = co_await client.Write(rest);
      if (!sent.ok()) co_return;
      rest = rest.subspan(*sent);
    }
  }
}

core::Task<void> ServeByCopy(core::TcpStream client) {
  core::CopyBuffer buffer(4096);
  auto [in, out] = client.Split();
  (void)co_await core::Copy(in, out, buffer);  // an error ends this client, and nothing else
}

using Piece = std::vector<std::byte>;

core::Task<void> WritePieces(core::OwnedWriteHalf<core::TcpStream> half,
                             core::Mpsc<Piece>::Receiver queue) {
  // Parameters live as long as the frame, and that as long as a JoinHandle is held. Local variables
  // go when the code ends: then the reader's next Send brings EPIPE, and the client reads the end.
  core::OwnedWriteHalf<core::TcpStream> out = std::move(half);
  core::Mpsc<Piece>::Receiver pieces = std::move(queue);
  while (true) {
    core::IoResult<Piece> piece = co_await pieces.Next();
    if (!piece.ok()) co_return;  // EPIPE: the reader has ended, and all is written
    if (!(co_await core::WriteAll(out, std::span<const std::byte>(*piece))).ok()) co_return;
  }
}

core::Task<void> ServeByHalves(core::TcpStream client) {
  auto [in, out] = std::move(client).IntoSplit();
  auto [queue, pieces] = core::Mpsc<Piece>::Make(16);
  // Both ends of the connection close when both tasks have ended; the handle tells when.
  core::JoinHandle<void> writer = core::Spawn(WritePieces(std::move(out), std::move(pieces)));
  std::array<std::byte, 4096> buffer;
  while (true) {
    core::IoResult<size_t> got = co_await in.Read(buffer);
    if (!got.ok() || *got == 0) break;
    if (!(co_await queue.Send(Piece(buffer.begin(), buffer.begin() + *got))).ok()) break;
  }
  queue = {};                                    // the writer's receive ends behind the last piece
  if (!co_await writer.Ended()) writer.Abort();  // it may wait for a client that does not read
}

using Serve = core::Task<void> (*)(core::TcpStream);

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "echo_ways manual|copy|split [ADDRESS]");
  const std::map<std::string, Serve> ways = {
      {"manual", &ServeManually}, {"copy", &ServeByCopy}, {"split", &ServeByHalves}};
  const auto way = ways.find(arguments.WordsFrom(0, 1)[0]);
  if (way == ways.end()) arguments.Fail("there is no such way");
  const AcceptOptions options{.address = arguments.AddressAt(1, "127.0.0.1:8080"),
                              .patience = core::Duration(0)};
  return core::RunMain(AcceptLoop(options, way->second, [] {}),
                       arguments.Runtime(/*most_words=*/2));
}
