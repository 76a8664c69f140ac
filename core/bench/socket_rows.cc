// Rows of sockets: echoes, connections that come and go, memory of one that is idle.
//
// Both ends are tasks of the same runtime: what a message costs is two reads and two writes, and
// the load is made by what is measured, as in the twin. Only the other ends of idle connections are
// bare descriptors.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::IoResult;
using core::Task;
using core::TcpListener;
using core::TcpStream;
using core::UdpSocket;
using Handles = std::vector<core::JoinHandle<uint64_t>>;

constexpr size_t kMessage = 64;  // bytes
constexpr uint64_t kConnecting = 10;
constexpr uint64_t kDatagramClients = 10;

core::Address AnyPort() { return *core::Address::Parse("127.0.0.1:0"); }

// Thousands of connections with both ends here.
void AllowManyDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::system_error(errno, std::generic_category(), "setrlimit");
  }
}

// What part `index` of `parts` does of `count`.
uint64_t Share(uint64_t count, uint64_t parts, uint64_t index) {
  return count / parts + (index < count % parts ? 1 : 0);
}

// `parts` tasks that do `count` together: `begin(index, share)` makes each.
template <typename Begin>
Handles SpawnParts(uint64_t parts, uint64_t count, Begin begin) {
  Handles handles;
  for (uint64_t i = 0; i < parts; ++i) {
    handles.push_back(core::Spawn(begin(i, Share(count, parts, i))));
  }
  return handles;
}

Task<void> Echo(TcpStream given, Countdown& ended) {
  {
    TcpStream stream = std::move(given);  // it closes before it counts as ended
    std::array<std::byte, 512> bytes;
    while (true) {
      IoResult<size_t> got = co_await stream.Read(bytes);
      if (!got.ok() || *got == 0) break;
      const auto echo = std::span<const std::byte>(bytes).first(*got);
      if (!(co_await core::WriteAll(stream, echo)).ok()) break;
    }
  }
  ended.Down();
}

Task<void> AcceptEchoes(TcpListener& listener, uint64_t count, Countdown& ended) {
  for (uint64_t i = 0; i < count; ++i) {
    IoResult<TcpStream> client = co_await listener.Accept();
    (void)client->SetNoDelay(true);
    core::Spawn(Echo(std::move(*client), ended)).Detach();
  }
}

Task<uint64_t> Ask(TcpStream& stream, uint64_t count) {
  std::array<std::byte, kMessage> bytes{};
  uint64_t done = 0;
  for (; done < count; ++done) {
    if (!(co_await core::WriteAll(stream, std::span<const std::byte>(bytes))).ok()) break;
    if (!(co_await core::ReadExact(stream, bytes)).ok()) break;
  }
  co_return done;
}

Task<uint64_t> AskAll(std::vector<TcpStream>& streams, uint64_t count) {
  Handles handles = SpawnParts(streams.size(), count,
                               [&](uint64_t i, uint64_t share) { return Ask(streams[i], share); });
  co_return co_await SumOf(handles);
}

// Each connection asks once before it counts, so that what a connection costs once does not.
template <uint64_t kConnections>
Task<uint64_t> TcpEcho(Run& run) {
  AllowManyDescriptors();
  const uint64_t connections = std::min(kConnections, run.count());
  core::NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  Countdown ended(connections);
  core::Spawn(AcceptEchoes(*listener, connections, ended)).Detach();
  std::vector<TcpStream> streams;
  for (uint64_t i = 0; i < connections; ++i) {
    core::NetResult<TcpStream> stream = co_await TcpStream::Connect(listener->local());
    streams.push_back(std::move(*stream));
  }
  (void)co_await AskAll(streams, connections);
  run.Begin();
  const uint64_t done = co_await AskAll(streams, run.count());
  run.End();
  streams.clear();
  (void)co_await ended.Zero();
  co_return done;
}

Task<uint64_t> ConnectAndReadEnd(core::Address to, uint64_t count) {
  uint64_t done = 0;
  for (uint64_t i = 0; i < count; ++i) {
    core::NetResult<TcpStream> stream = co_await TcpStream::Connect(to);
    std::array<std::byte, 1> bytes;
    IoResult<size_t> got = co_await stream->Read(bytes);
    if (got.ok() && *got == 0) ++done;
  }
  co_return done;
}

// The server accepts and closes; its clients connect, read the end and close.
Task<uint64_t> AcceptClose(Run& run) {
  core::NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  run.Begin();
  Handles handles = SpawnParts(kConnecting, run.count(), [&](uint64_t, uint64_t share) {
    return ConnectAndReadEnd(listener->local(), share);
  });
  for (uint64_t i = 0; i < run.count(); ++i) (void)co_await listener->Accept();
  const uint64_t done = co_await SumOf(handles);
  run.End();
  co_return done;
}

Task<uint64_t> EchoDatagrams(UdpSocket& socket, uint64_t count) {
  std::array<std::byte, 1024> bytes;
  for (uint64_t i = 0; i < count; ++i) {
    IoResult<core::Datagram> got = co_await socket.ReceiveFrom(bytes);
    (void)co_await socket.SendTo(std::span<const std::byte>(bytes).first(got->size), got->from);
  }
  co_return count;
}

Task<uint64_t> AskByDatagrams(core::Address to, uint64_t count) {
  core::NetResult<UdpSocket> socket = UdpSocket::Bind(AnyPort());
  (void)socket->Connect(to);
  std::array<std::byte, kMessage> bytes{};
  uint64_t done = 0;
  for (uint64_t i = 0; i < count; ++i) {
    (void)co_await socket->Send(bytes);
    IoResult<core::Datagram> got = co_await socket->ReceiveFrom(bytes);
    if (got.ok() && got->size == kMessage) ++done;
  }
  co_return done;
}

// One socket answers ten.
Task<uint64_t> UdpEcho(Run& run) {
  core::NetResult<UdpSocket> server = UdpSocket::Bind(AnyPort());
  run.Begin();
  Handles handles = SpawnParts(kDatagramClients, run.count(), [&](uint64_t, uint64_t share) {
    return AskByDatagrams(server->local(), share);
  });
  (void)co_await EchoDatagrams(*server, run.count());
  const uint64_t done = co_await SumOf(handles);
  run.End();
  co_return done;
}

// Connected, and waiting to be accepted: no memory of this process.
std::vector<int> ConnectBare(const core::Address& to, uint64_t count) {
  std::vector<int> fds;
  for (uint64_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, to.get(), to.size()) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect");
    }
    fds.push_back(fd);
  }
  return fds;
}

// Bytes of a connection that a task has accepted and waits to read from.
Task<uint64_t> IdleConnection(Run& run) {
  AllowManyDescriptors();
  core::NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  const std::vector<int> clients = ConnectBare(listener->local(), run.count());
  Countdown ended(run.count());
  run.Begin();
  co_await AcceptEchoes(*listener, run.count(), ended);
  co_await core::Sleep(1ms);  // until the last of them waits
  run.End();
  for (const int fd : clients) close(fd);
  (void)co_await ended.Zero();
  co_return clients.size();
}

constexpr auto kRows = std::to_array<Row>({
    {"tcp_echo_1", Kind::kOne, 10'000, InTask<TcpEcho<1>>},
    {"tcp_echo_100", Kind::kOne, 15'000, InTask<TcpEcho<100>>},
    {"tcp_echo_4000", Kind::kOnce, 20'000, InTask<TcpEcho<4000>>},
    {"accept_close", Kind::kOne, 2'000, InTask<AcceptClose>},
    {"udp_echo", Kind::kOne, 15'000, InTask<UdpEcho>},
    {"idle_connection", Kind::kMemory, 4'000, InTask<IdleConnection>},
});

}  // namespace

std::span<const Row> SocketRows() { return kRows; }

}  // namespace sluice::bench
