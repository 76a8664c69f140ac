// floor_epoll PORT UPSTREAM_PORT: the least that a relay on epoll can do, on 127.0.0.1.
//
// One thread, edge-triggered; it reads 64 KiB at a time into one buffer for all connections. Bytes
// that cannot be sent at once are kept, and nothing more is read until they are sent. It has no
// limits, no timeouts and no log, and is of no use but for comparing.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr int kEvents = 512;
constexpr uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr int kBacklog = 4096;

struct Pair;

struct Side {
  int fd = -1;
  Side* peer = nullptr;
  Pair* pair = nullptr;
  std::string unsent;  // came from the peer
  bool ended = false;  // has sent its FIN
};

struct Pair {
  Side sides[2];
};

char g_buffer[kReadBytes];
int g_epoll;

sockaddr_in Local(const char* port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void NoDelay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void Watch(int fd, uint32_t events, Side* side) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = side;
  epoll_ctl(g_epoll, EPOLL_CTL_ADD, fd, &event);
}

// Returns false when the connection is broken. Keeps the bytes that the socket does not take.
bool Send(Side& to, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(to.fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) {
      to.unsent.assign(data, size);
      return true;
    }
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

// Returns false when both directions have ended or one is broken. A short read means that the
// socket is empty, unless the end of the stream has come already: no other edge would report that.
bool Pump(Side& from, bool to_the_end) {
  Side& to = *from.peer;
  while (to.unsent.empty() && !from.ended) {
    const ssize_t size = recv(from.fd, g_buffer, kReadBytes, 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) {
      from.ended = true;
      shutdown(to.fd, SHUT_WR);
      return !to.ended;
    }
    if (!Send(to, g_buffer, static_cast<size_t>(size))) return false;
    if (static_cast<size_t>(size) < kReadBytes && !to_the_end) return true;
  }
  return true;
}

bool Flush(Side& to) {
  if (to.unsent.empty()) return true;
  const std::string unsent = std::move(to.unsent);
  to.unsent.clear();
  return Send(to, unsent.data(), unsent.size()) && (!to.unsent.empty() || Pump(*to.peer, true));
}

void Accept(int listener, const sockaddr_in& upstream) {
  for (;;) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0) {
      close(client);
      continue;
    }
    NoDelay(client);
    NoDelay(server);
    (void)connect(server, reinterpret_cast<const sockaddr*>(&upstream), sizeof(upstream));
    Pair* pair = new Pair;
    for (int i = 0; i < 2; ++i) {
      pair->sides[i].fd = i == 0 ? client : server;
      pair->sides[i].peer = &pair->sides[1 - i];
      pair->sides[i].pair = pair;
      Watch(pair->sides[i].fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &pair->sides[i]);
    }
  }
}

// Closes both; the memory stays until no event of this round can refer to it.
void Close(Side& side, std::vector<Pair*>* closed) {
  for (Side* one : {&side, side.peer}) {
    close(one->fd);
    one->fd = -1;
  }
  closed->push_back(side.pair);
}

void Handle(Side& side, uint32_t events, std::vector<Pair*>* closed) {
  bool well = (events & EPOLLOUT) == 0 || Flush(side);
  if (well && (events & ~uint32_t{EPOLLOUT}) != 0) well = Pump(side, (events & kEnds) != 0);
  if (!well) Close(side, closed);
}

[[noreturn]] void Run(int listener, const sockaddr_in& upstream) {
  epoll_event events[kEvents];
  std::vector<Pair*> closed;
  for (;;) {
    const int count = epoll_wait(g_epoll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      auto* side = static_cast<Side*>(events[i].data.ptr);
      if (side == nullptr)
        Accept(listener, upstream);
      else if (side->fd >= 0)
        Handle(*side, events[i].events, &closed);
    }
    for (Pair* pair : closed) delete pair;
    closed.clear();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: floor_epoll PORT UPSTREAM_PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const sockaddr_in own = Local(argv[1]);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0 ||
      listen(listener, kBacklog) != 0) {
    std::perror("floor_epoll");
    return 1;
  }
  g_epoll = epoll_create1(EPOLL_CLOEXEC);
  Watch(listener, EPOLLIN, nullptr);
  Run(listener, Local(argv[2]));
}
