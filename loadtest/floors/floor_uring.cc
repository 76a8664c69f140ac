// floor_uring PORT UPSTREAM_PORT: the least that a relay on io_uring can do, on 127.0.0.1.
//
// One thread, one ring. Each socket has a multishot recv that takes buffers from one provided ring;
// buffers for a socket wait in a queue of that socket, and one send of it is in flight. The
// operations of a pair are counted; the pair is freed when none is left. It has no limits, no
// timeouts and no log, and is of no use but for comparing.

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

namespace {

constexpr unsigned kBuffers = 4096;  // a power of two
constexpr unsigned kBufferBytes = 16 << 10;
constexpr unsigned kEntries = 4096;
constexpr unsigned kCompletions = 65536;
constexpr size_t kMostQueued = 64;  // buffers per socket; then reading stops until some are sent
constexpr int kBacklog = 4096;
constexpr int kGroup = 0;

enum Kind : uint64_t { kAccept, kConnect, kReceive, kSend, kCancel };  // low bits of user_data
constexpr uint64_t kKinds = 8;

struct Queued {
  unsigned buffer;
  unsigned size;
};

struct Pair;

struct alignas(8) Side {
  int fd = -1;
  Pair* pair = nullptr;
  Side* peer = nullptr;
  std::deque<Queued> queue;  // came from the peer
  unsigned sent = 0;         // of the first one
  bool sending = false;
  bool receiving = false;
  bool starved = false;
  bool ended = false;  // has sent its FIN
};

struct Pair {
  Side sides[2];
  int operations = 0;  // in flight
  bool broken = false;
};

io_uring g_ring;
io_uring_buf_ring* g_buffers;
char* g_memory;
sockaddr_in g_upstream;
int g_listener;

// Sides that found no buffer; they wait until one is returned.
std::vector<Side*> g_starved;

void FreeIfDone(Pair* pair);

io_uring_sqe* NextEntry() {
  io_uring_sqe* entry = io_uring_get_sqe(&g_ring);
  while (entry == nullptr) {
    io_uring_submit(&g_ring);
    entry = io_uring_get_sqe(&g_ring);
  }
  return entry;
}

// To be called when the entry is complete: liburing's prep functions come first.
void Tag(io_uring_sqe* entry, Kind kind, Side* side) {
  io_uring_sqe_set_data64(entry, reinterpret_cast<uint64_t>(side) | kind);
  if (side != nullptr) ++side->pair->operations;
}

void StartAccept() {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_multishot_accept(entry, g_listener, nullptr, nullptr, SOCK_CLOEXEC);
  Tag(entry, kAccept, nullptr);
}

void StartReceive(Side& side) {
  if (side.receiving || side.ended || side.pair->broken) return;
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_recv_multishot(entry, side.fd, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kGroup;
  Tag(entry, kReceive, &side);
  side.receiving = true;
}

void StopReceive(Side& side) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel64(entry, reinterpret_cast<uint64_t>(&side) | kReceive, 0);
  Tag(entry, kCancel, &side);
}

void StartSend(Side& side) {
  if (side.sending || side.queue.empty() || side.pair->broken) return;
  const Queued& next = side.queue.front();
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_send(entry, side.fd, g_memory + size_t{next.buffer} * kBufferBytes + side.sent,
                     next.size - side.sent, MSG_NOSIGNAL | MSG_WAITALL);
  Tag(entry, kSend, &side);
  side.sending = true;
}

void Recycle(unsigned buffer) {
  io_uring_buf_ring_add(g_buffers, g_memory + size_t{buffer} * kBufferBytes, kBufferBytes,
                        static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(kBuffers), 0);
  io_uring_buf_ring_advance(g_buffers, 1);
  if (g_starved.empty()) return;
  Side* side = g_starved.back();
  g_starved.pop_back();
  --side->pair->operations;  // being starved counts as one
  side->starved = false;
  StartReceive(*side);
  FreeIfDone(side->pair);
}

void Break(Pair& pair) {
  if (pair.broken) return;
  pair.broken = true;
  for (Side& side : pair.sides) shutdown(side.fd, SHUT_RDWR);  // ends what is in flight
}

void PassEndOn(Side& from) {
  Side& to = *from.peer;
  if (!to.queue.empty()) return;
  shutdown(to.fd, SHUT_WR);
  if (to.ended && from.queue.empty()) Break(*from.pair);
}

void FreeIfDone(Pair* pair) {
  if (!pair->broken || pair->operations > 0) return;
  for (Side& side : pair->sides) {
    for (const Queued& queued : side.queue) Recycle(queued.buffer);
    close(side.fd);
  }
  delete pair;
}

void OnAccept(int client, uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) StartAccept();
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (server < 0) {
    close(client);
    return;
  }
  auto* pair = new Pair;
  for (int i = 0; i < 2; ++i) {
    Side& side = pair->sides[i];
    side.fd = i == 0 ? client : server;
    side.pair = pair;
    side.peer = &pair->sides[1 - i];
    const int one = 1;
    setsockopt(side.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_connect(entry, server, reinterpret_cast<const sockaddr*>(&g_upstream),
                        sizeof(g_upstream));
  Tag(entry, kConnect, &pair->sides[1]);
}

void OnConnect(Side& side, int result) {
  if (result < 0) return Break(*side.pair);
  StartReceive(side);
  StartReceive(*side.peer);
}

void OnReceive(Side& side, int result, uint32_t flags) {
  Side& to = *side.peer;
  if ((flags & IORING_CQE_F_MORE) == 0) side.receiving = false;
  if (result > 0) {
    to.queue.push_back({flags >> IORING_CQE_BUFFER_SHIFT, static_cast<unsigned>(result)});
    StartSend(to);
    if (!side.receiving && to.queue.size() < kMostQueued) StartReceive(side);
    if (side.receiving && to.queue.size() == kMostQueued) StopReceive(side);
  } else if (result == -ENOBUFS) {
    if (side.pair->broken) return;
    ++side.pair->operations;
    side.starved = true;
    g_starved.push_back(&side);
  } else if (result == 0) {
    side.ended = true;
    PassEndOn(side);
  } else if (result != -ECANCELED) {
    Break(*side.pair);
  }
}

void OnSend(Side& side, int result) {
  side.sending = false;
  if (result < 0) return Break(*side.pair);
  side.sent += static_cast<unsigned>(result);
  if (side.sent < side.queue.front().size) return StartSend(side);
  const unsigned buffer = side.queue.front().buffer;
  side.queue.pop_front();
  side.sent = 0;
  Recycle(buffer);
  StartSend(side);
  Side& from = *side.peer;
  if (from.ended)
    PassEndOn(from);
  else if (side.queue.empty() && !from.starved)
    StartReceive(from);
}

void Dispatch(uint64_t data, int result, uint32_t flags) {
  const uint64_t kind = data % kKinds;
  auto* side = reinterpret_cast<Side*>(data - kind);
  if (kind == kAccept) return OnAccept(result, flags);
  if ((flags & IORING_CQE_F_MORE) == 0) --side->pair->operations;
  if (kind == kConnect) OnConnect(*side, result);
  if (kind == kReceive) OnReceive(*side, result, flags);
  if (kind == kSend) OnSend(*side, result);
  FreeIfDone(side->pair);
}

bool SetUp() {
  io_uring_params params = {};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL;
  params.cq_entries = kCompletions;
  if (io_uring_queue_init_params(kEntries, &g_ring, &params) != 0) return false;
  io_uring_register_ring_fd(&g_ring);
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  g_buffers =
      static_cast<io_uring_buf_ring*>(std::aligned_alloc(page, kBuffers * sizeof(io_uring_buf)));
  g_memory = static_cast<char*>(std::aligned_alloc(page, size_t{kBuffers} * kBufferBytes));
  std::memset(static_cast<void*>(g_buffers), 0, kBuffers * sizeof(io_uring_buf));
  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uint64_t>(g_buffers);
  registration.ring_entries = kBuffers;
  registration.bgid = kGroup;
  if (io_uring_register_buf_ring(&g_ring, &registration, 0) != 0) return false;
  io_uring_buf_ring_init(g_buffers);
  for (unsigned i = 0; i < kBuffers; ++i) Recycle(i);
  return true;
}

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  sockaddr_in address = g_upstream;
  address.sin_port = htons(port);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  return bound && listen(fd, kBacklog) == 0 ? fd : -1;
}

[[noreturn]] void Run() {
  StartAccept();
  for (;;) {
    io_uring_submit_and_wait(&g_ring, 1);
    unsigned head;
    unsigned seen = 0;
    io_uring_cqe* completion;
    io_uring_for_each_cqe(&g_ring, head, completion) {
      ++seen;
      Dispatch(completion->user_data, completion->res, completion->flags);
    }
    io_uring_cq_advance(&g_ring, seen);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: floor_uring PORT UPSTREAM_PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  g_upstream.sin_family = AF_INET;
  g_upstream.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
  g_upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  g_listener = Listen(static_cast<uint16_t>(std::atoi(argv[1])));
  if (g_listener < 0 || !SetUp()) {
    std::perror("floor_uring");
    return 1;
  }
  Run();
}
