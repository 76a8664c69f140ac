// relay LISTEN TARGET BACKEND     passes connections on: what CopyBidirectional costs beside the
//                                 proxy's own pump, under the same load
//
// One worker. It prints the address that it listens at, and runs until it is ended.
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "core/sluice.h"

namespace sluice::bench {
namespace {

using core::Address;
using core::IoResult;
using core::Task;
using core::TcpListener;
using core::TcpStream;

Task<void> Relay(TcpStream given, Address target) {
  TcpStream client = std::move(given);
  core::NetResult<TcpStream> server = co_await TcpStream::Connect(target);
  if (!server.ok()) co_return client.Reset();
  (void)client.SetNoDelay(true);
  if (!(co_await core::CopyBidirectional(client, *server)).ok()) client.Reset();
}

Task<int> Serve(Address listen, Address target) {
  core::NetResult<TcpListener> listener = TcpListener::Bind(listen);
  if (!listener.ok()) {
    std::fprintf(stderr, "relay: %s\n", listener.message().c_str());
    co_return 1;
  }
  std::printf("%s\n", listener->local().ToString().c_str());
  std::fflush(stdout);
  while (true) {
    IoResult<TcpStream> client = co_await listener->Accept();
    if (!client.ok()) co_return 1;
    core::Spawn(Relay(std::move(*client), target)).Detach();
  }
}

int Main(int argc, char** argv) {
  const std::string_view backend = argc == 4 ? argv[3] : "";
  if (backend != "epoll" && backend != "io_uring") {
    std::fputs("usage: relay LISTEN TARGET (epoll|io_uring)\n", stderr);
    return 2;
  }
  const auto listen = Address::Parse(argv[1]);
  const auto target = Address::Parse(argv[2]);
  for (const auto& address : {listen, target}) {
    if (address.ok()) continue;
    std::fprintf(stderr, "relay: %s\n", address.status().ToString().c_str());
    return 2;
  }
  core::Runtime runtime(
      {.workers = 1,
       .backend = backend == "epoll" ? core::Backend::kEpoll : core::Backend::kIoUring});
  return runtime.BlockOn(Serve(*listen, *target));
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) { return sluice::bench::Main(argc, argv); }
