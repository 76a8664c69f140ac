// upstream --listen ADDRESS [--kind framed|echo|sink|source|http] [--socket-buffer BYTES]
//          [--endless-part BYTES]
//
// Serves every connection in one thread until it is killed. Prints {"port": N} when it listens.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "loadtest/upstream/sockets.h"
#include "loadtest/upstream/talk.h"
#include "loadtest/upstream/wire.h"

namespace sluice::loadtest {
namespace {

constexpr size_t kReceiveBytes = size_t{1} << 20;
constexpr int kEvents = 512;
constexpr int kPartsPerTurn = 4;  // then another connection is served

struct Connection {
  int fd;
  std::unique_ptr<Talk> talk;
  uint32_t interest = EPOLLIN;
  bool ended = false;  // the client has sent its FIN
};

class Upstream {
 public:
  Upstream(int listener, std::string kind, uint64_t endless_part)
      : listener_(listener),
        kind_(std::move(kind)),
        endless_part_(endless_part),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(new char[kReceiveBytes]) {
    Control(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void Run() {
    epoll_event events[kEvents];
    for (;;) {
      const int count = epoll_wait(epoll_, events, kEvents, -1);
      for (int i = 0; i < count; ++i) {
        auto* connection = static_cast<Connection*>(events[i].data.ptr);
        if (connection == nullptr) {
          AcceptAll();
        } else if (!Receive(*connection, events[i].events) || !Send(*connection)) {
          Close(connection);
        } else {
          UpdateInterest(*connection);
        }
      }
    }
  }

 private:
  void Control(int operation, int fd, uint32_t interest, Connection* connection) {
    epoll_event event = {};
    event.events = interest;
    event.data.ptr = connection;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void AcceptAll() {
    for (int fd = Accept(listener_); fd >= 0; fd = Accept(listener_)) {
      auto* connection = new Connection{fd, MakeTalk(kind_, endless_part_)};
      Control(EPOLL_CTL_ADD, fd, connection->interest, connection);
      if (!Send(*connection))
        Close(connection);  // some kinds send first
      else
        UpdateInterest(*connection);
    }
  }

  // False when the connection is over.
  bool Receive(Connection& connection, uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || connection.ended) return true;
    const ssize_t size = recv(connection.fd, buffer_.get(), kReceiveBytes, 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) {
      connection.ended = true;
      connection.talk->TakeEnd();
      return true;
    }
    if (connection.talk->Take({buffer_.get(), static_cast<size_t>(size)})) return true;
    const linger reset = {1, 0};
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return false;
  }

  // False when the connection is over.
  bool Send(Connection& connection) {
    for (int parts = 0; parts < kPartsPerTurn; ++parts) {
      const std::string_view part = connection.talk->Next();
      if (part.empty()) return !connection.ended;
      const ssize_t sent = send(connection.fd, part.data(), part.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      connection.talk->Sent(static_cast<size_t>(sent));
      if (static_cast<size_t>(sent) < part.size()) return true;
    }
    return true;
  }

  void UpdateInterest(Connection& connection) {
    const uint32_t in = connection.ended || !connection.talk->wants_more() ? 0 : EPOLLIN;
    const uint32_t out = connection.talk->Next().empty() ? 0 : EPOLLOUT;
    if ((in | out) == connection.interest) return;
    connection.interest = in | out;
    Control(EPOLL_CTL_MOD, connection.fd, connection.interest, &connection);
  }

  static void Close(Connection* connection) {
    close(connection->fd);
    delete connection;
  }

  const int listener_;
  const std::string kind_;
  const uint64_t endless_part_;
  const int epoll_;
  const std::unique_ptr<char[]> buffer_;
};

int Main(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  std::string kind = "framed";
  uint64_t socket_buffer = 0;
  uint64_t endless_part = kEndless;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--listen") listen = argv[i + 1];
    if (flag == "--kind") kind = argv[i + 1];
    if (flag == "--socket-buffer") socket_buffer = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--endless-part") endless_part = std::strtoull(argv[i + 1], nullptr, 10);
  }
  const auto address = ParseAddress(listen);
  if (!address || MakeTalk(kind, endless_part) == nullptr || endless_part == 0 || argc % 2 == 0) {
    std::fprintf(stderr,
                 "usage: upstream --listen ADDRESS [--kind framed|echo|sink|source|http] "
                 "[--socket-buffer BYTES] [--endless-part BYTES]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  const int listener = Listen(*address, socket_buffer);
  if (listener < 0) {
    std::fprintf(stderr, "upstream: %s: %s\n", listen.c_str(), std::strerror(-listener));
    return 1;
  }
  std::printf("{\"port\": %d}\n", PortOf(listener));
  std::fflush(stdout);
  Upstream(listener, kind, endless_part).Run();
}

}  // namespace
}  // namespace sluice::loadtest

int main(int argc, char** argv) { return sluice::loadtest::Main(argc, argv); }
