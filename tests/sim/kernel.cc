#include "tests/sim/kernel.h"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "tests/sim/sim_reactor.h"

namespace sluice::sim {
namespace {

using core::IoError;
using core::IoResult;
using core::Op;
using core::OpKind;
using Kind = Descriptor::Kind;

Direction DirectionOf(const Op& op) {
  if (op.kind == OpKind::kPoll) return (op.events & POLLOUT) != 0 ? kOut : kIn;
  switch (op.kind) {
    case OpKind::kConnect:
    case OpKind::kSend:
    case OpKind::kWrite:
    case OpKind::kSendMessage:
      return kOut;
    default:
      return kIn;
  }
}

// The last two numbers of the address (World::MakeConfig): 0.1 is the first of the first upstream.
uint32_t AddressOf(const Op& connect) {
  return ntohl(static_cast<const sockaddr_in*>(core::DataOf(connect))->sin_addr.s_addr) & 0xffff;
}

uint16_t PortOf(const Op& connect) {
  return ntohs(static_cast<const sockaddr_in*>(core::DataOf(connect))->sin_port);
}

}  // namespace

Descriptor& Kernel::at(int fd) {
  if (fd < kFirst) return signals_;
  const size_t index = static_cast<size_t>(fd - kFirst);
  if (index >= table_.size() || table_[index].kind == Kind::kFree) {
    trace_.Fail("descriptor %d is used but not open", fd);
  }
  if (table_[index].kind == Kind::kClosing) trace_.Fail("descriptor %d is used after Close", fd);
  return table_[index];
}

OpSlot& Kernel::SlotOf(const Op& op) { return at(op.fd).slots[DirectionOf(op)]; }

IoResult<int> Kernel::NewDescriptor(Kind kind) {
  if (open_ >= static_cast<int>(scenario_.descriptors) || Chance(Fault::kDescriptors)) {
    const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    return IoError(errors[random_.Below(std::size(errors))]);
  }
  // The lowest free one, as the kernel does: numbers are used again at once.
  auto free = std::find_if(table_.begin(), table_.end(),
                           [](const Descriptor& each) { return each.kind == Kind::kFree; });
  if (free == table_.end()) {
    table_.emplace_back();
    free = std::prev(table_.end());
  }
  *free = Descriptor{.kind = kind, .life = ++lives_};
  ++open_;
  return kFirst + static_cast<int>(free - table_.begin());
}

IoResult<int> Kernel::Listen() {
  IoResult<int> fd = NewDescriptor(Kind::kListener);
  if (!fd.ok()) return fd;
  Listening& listening = listening_.emplace_back();
  listening.descriptors = 1;
  at(*fd).listening = &listening;
  return fd;
}

IoResult<int> Kernel::Duplicate(int fd) {
  Listening* listening = at(fd).listening;
  IoResult<int> copy = NewDescriptor(Kind::kListener);
  if (!copy.ok()) return copy;
  ++listening->descriptors;
  at(*copy).listening = listening;
  return copy;
}

// Of the successor nothing is simulated: it resets.
bool Kernel::ClientArrives(Socket& proxy_side) {
  if (listeners_are_ == Whose::kSuccessor) return false;
  std::vector<Listening*> all;
  for (Listening& each : listening_) {
    if (each.descriptors > 0) all.push_back(&each);
  }
  if (all.empty()) return false;
  Listening* const open = all.size() == 1 ? all[0] : all[random_.Below(all.size())];
  open->backlog.push_back(&proxy_side);
  for (Descriptor& descriptor : table_) {
    if (descriptor.kind == Kind::kListener && descriptor.listening == open) {
      Ready(descriptor, kIn);
    }
  }
  return true;
}

IoResult<int> Kernel::Accept(int fd) {
  if (listeners_are_ == Whose::kSuccessor) trace_.Fail("it accepts what is its successor's");
  Listening& listening = *at(fd).listening;
  if (listening.backlog.empty()) return IoError(EAGAIN);
  IoResult<int> accepted = NewDescriptor(Kind::kSocket);
  if (!accepted.ok()) return accepted;
  Socket& socket = *listening.backlog.front();
  listening.backlog.pop_front();
  at(*accepted).socket = &socket;
  socket.fd = *accepted;
  socket.user = this;
  network_.NoteProgress();
  trace_.Add("socket %d: accepted as %d", socket.id, *accepted);
  checker_.Accepted(*socket.session);
  return accepted;
}

uint32_t Kernel::ClientAddress(int fd) {
  Session& session = *at(fd).socket->session;
  const uint32_t address = checker_.SocketAddressOf(session);
  if (core::Worker::Current() == nullptr) return address;  // for an operator
  const core::Runnable* task = core::Worker::Current()->running();
  // A policy that hashes asks once more.
  const bool asks_again = session.began && checker_.SessionOf(*task) == &session;
  if (!listener_tasks_.contains(task) && !asks_again) checker_.SessionBegins(session, *task);
  return address;
}

IoResult<int> Kernel::OpenSocket() {
  // Null: in a world without a proxy.
  Session* session = checker_.SessionOf(*core::Worker::Current()->running());
  IoResult<int> fd = NewDescriptor(Kind::kFresh);
  if (session != nullptr) checker_.endpoints().OpensSocket(*session, fd.ok());
  if (!fd.ok()) return fd;
  at(*fd).session = session;
  at(*fd).is_probe = session == nullptr && scenario_.has_probes();
  if (!at(*fd).is_probe) checker_.UpstreamOpened();
  return fd;
}

void Kernel::StartConnect(Op& op) {
  Descriptor& descriptor = at(op.fd);
  if (descriptor.kind != Kind::kFresh) trace_.Fail("connect on %d, which is not fresh", op.fd);
  descriptor.kind = Kind::kConnecting;
  descriptor.task = op.task;
  descriptor.since = network_.now();
  if (descriptor.is_probe) return StartProbe(op, descriptor);
  if (descriptor.session != nullptr) {
    descriptor.placed = true;
    const uint32_t address = AddressOf(op);
    checker_.endpoints().Connects(*descriptor.session, address >> 8, (address & 0xff) - 1);
  }
  if (Chance(Fault::kConnectError)) {
    const int errors[] = {EADDRNOTAVAIL, ENETUNREACH, ENOBUFS, EAGAIN};
    const int error = errors[random_.Below(std::size(errors))];
    descriptor.connect_result = -error;
    if (descriptor.placed) checker_.endpoints().ConnectFails(*descriptor.session, error);
    return;
  }
  const bool lost = Chance(Fault::kLost);
  const int result = lost ? -ETIMEDOUT : Chance(Fault::kRefuse) ? -ECONNREFUSED : 0;
  const core::Duration delay = lost ? 127s : network_.Delay();
  network_.After(
      delay, [this, fd = op.fd, life = descriptor.life, result] { ConnectEnds(fd, life, result); });
}

void Kernel::StartProbe(Op& op, Descriptor& descriptor) {
  const uint32_t address = AddressOf(op);
  Probe& probe =
      checker_.endpoints().health().Begins(address >> 8, (address & 0xff) - 1, PortOf(op));
  descriptor.probe = &probe;
  if (probe.connect_error == ENOBUFS || probe.connect_error == EADDRNOTAVAIL) {
    descriptor.connect_result = -probe.connect_error;
    return;
  }
  const core::Duration delay = probe.is_lost ? 127s : network_.Delay();
  network_.After(delay, [this, fd = op.fd, life = descriptor.life, result = -probe.connect_error] {
    ConnectEnds(fd, life, result);
  });
}

void Kernel::ConnectEnds(int fd, uint64_t life, int result) {
  Descriptor& descriptor = table_[static_cast<size_t>(fd - kFirst)];
  if (descriptor.kind != Kind::kConnecting || descriptor.life != life) return;
  descriptor.connect_result = result;
  network_.NoteProgress();
  if (result != 0) {
    if (descriptor.placed) checker_.endpoints().ConnectFails(*descriptor.session, -result);
  } else {
    Socket& proxy_side = network_.Connect();
    descriptor.kind = Kind::kSocket;
    descriptor.socket = &proxy_side;
    proxy_side.fd = fd;
    proxy_side.user = this;
    if (Probe* const probe = descriptor.probe) {
      probe->is_connected = true;
      probe->socket = &proxy_side;
      probe_peers_.emplace_back(*probe, *proxy_side.other, network_);
    } else {
      checker_.Connected(proxy_side, *descriptor.task);
      on_upstream(*proxy_side.other, proxy_side);
    }
  }
  Ready(descriptor, kOut);
}

void Kernel::BeginClose(int fd) {
  if (fd < kFirst) return;
  Descriptor& descriptor = at(fd);
  for (const OpSlot& slot : descriptor.slots) {
    if (slot.op != nullptr) trace_.Fail("descriptor %d is closed under an op", fd);
  }
  const Session* session = descriptor.socket == nullptr ? nullptr : descriptor.socket->session;
  const bool client = session != nullptr && session->near == descriptor.socket;
  if (Socket* socket = descriptor.socket) {
    socket->when_closing = socket->acknowledged;
    socket->closing_at = network_.now();
  }
  if (descriptor.kind == Kind::kListener) {
    listener_tasks_.erase(core::Worker::Current()->running());
  } else if (descriptor.is_probe) {
    if (descriptor.probe != nullptr) checker_.endpoints().health().Ends(*descriptor.probe);
  } else if (!client) {
    checker_.UpstreamClosed();
    if (descriptor.placed) checker_.endpoints().Closes(*descriptor.session);
  } else if (!session->began && session->client != nullptr) {
    checker_.Rejected(*session);
  }
  descriptor.kind = Kind::kClosing;
}

void Kernel::CheckConnects() {
  for (const Descriptor& descriptor : table_) {
    if (descriptor.kind != Kind::kConnecting || descriptor.is_probe) continue;
    checker_.CheckConnect(descriptor.since);
  }
}

void Kernel::CheckListeners(bool stopping) {
  if (stopping || listeners_are_ != Whose::kServer) return;
  // Those that wait for a free slot or for a descriptor do so rightly.
  const bool may_wait = scenario_.wait_on_limit || scenario_.has(Fault::kDescriptors);
  for (const Listening& each : listening_) {
    if (!may_wait && !each.backlog.empty()) {
      trace_.Fail("%d connections wait to be accepted", each.backlog.size());
    }
    if (each.descriptors > 1 + static_cast<int>(workers.size())) {
      trace_.Fail("a listening socket has %d descriptors for %d workers", each.descriptors,
                  workers.size());
    }
  }
}

void Kernel::CheckHandover(const std::vector<int>& descriptors) {
  const auto open =
      std::ranges::count_if(listening_, [](const Listening& each) { return each.descriptors > 0; });
  std::set<const Listening*> handed_over;
  for (const int fd : descriptors) handed_over.insert(at(fd).listening);
  if (static_cast<size_t>(open) == handed_over.size() && !handed_over.contains(nullptr)) return;
  trace_.Fail("of %d listening sockets %d are handed over", open, handed_over.size());
}

void Kernel::BeginCommit() {
  listeners_are_ = Whose::kNone;
  for (const Descriptor& each : table_) {
    if (each.kind == Kind::kListener && each.slots[kIn].op != nullptr) {
      trace_.Fail("it still accepts while its successor begins to");
    }
  }
}

void Kernel::EndCommit(bool successor_serves) {
  listeners_are_ = successor_serves ? Whose::kSuccessor : Whose::kServer;
}

void Kernel::FinishClose(int fd) {
  Descriptor& descriptor = table_[static_cast<size_t>(fd - kFirst)];
  if (mutant(Mutant::kLeakDescriptor) && random_.Chance(50)) return;
  --open_;
  network_.NoteProgress();
  if (descriptor.listening != nullptr) {
    if (--descriptor.listening->descriptors == 0) {
      for (Socket* waiting : descriptor.listening->backlog) network_.Close(*waiting, true);
      descriptor.listening->backlog.clear();
    }
  } else if (Socket* socket = descriptor.socket) {
    const bool reset = descriptor.reset_on_close && !mutant(Mutant::kCloseWithoutReset);
    trace_.Add("socket %d: closed by the proxy%s", socket->id, reset ? " with RST" : "");
    socket->fd = -1;
    network_.Close(*socket, reset);
  }
  descriptor = Descriptor();
}

void Kernel::ShutdownWrite(int fd) {
  Socket& socket = *at(fd).socket;
  if (mutant(Mutant::kNoShutdown)) return;
  if (mutant(Mutant::kShutdownCuts)) socket.out.Clear();
  network_.ShutdownWrite(socket);
  checker_.ShutDown(socket);
}

bool Kernel::Executable(const Op& op) {
  const Descriptor& descriptor = at(op.fd);
  switch (op.kind) {
    case OpKind::kAccept:
      return !descriptor.listening->backlog.empty();
    case OpKind::kConnect:
      return descriptor.connect_result <= 0;
    case OpKind::kRecv:
    case OpKind::kRead:
    case OpKind::kRecvMessage:
    case OpKind::kRecvInto:
      return descriptor.socket->readable();
    case OpKind::kSend:
    case OpKind::kWrite:
    case OpKind::kSendMessage:
      return descriptor.socket->writable();
    case OpKind::kOpen:
      return true;
    case OpKind::kPoll:
      return Poll(op) != 0;
  }
  return false;
}

// What poll(2) says of a socket, or of the real signal stream.
int Kernel::Poll(const Op& op) {
  const auto wanted = static_cast<int16_t>(op.events);
  if (op.fd < kFirst) {
    pollfd entry = {.fd = op.fd, .events = wanted, .revents = 0};
    return poll(&entry, 1, 0) > 0 ? entry.revents : 0;
  }
  const Socket& socket = *at(op.fd).socket;
  int events = 0;
  if (socket.readable()) events |= wanted & POLLIN;
  if (socket.writable()) events |= wanted & POLLOUT;
  const bool deaf = mutant(Mutant::kDeafAfterFin) && socket.fin_arrived;
  if (socket.reset_arrived && !deaf) events |= POLLERR | POLLHUP;
  if (socket.fin_queued && socket.fin_arrived) events |= POLLHUP;
  return events;
}

int Kernel::MemoryError(Socket& socket, bool sends) {
  // Rare, or no session would live to see anything else.
  if (socket.session == nullptr) return 0;  // a check's
  const uint32_t level = (scenario_.level(Fault::kNoMemory) + 9) / 10;
  if (!random_.Chance(level)) return 0;
  const int error = sends && random_.Chance(500) ? ENOBUFS : ENOMEM;
  trace_.Add("socket %d: %s fails: memory has run out", socket.id, sends ? "send" : "recv");
  network_.NoteProgress();
  checker_.OutOfMemory(socket, sends);
  return error;
}

bool Kernel::HidesState(Socket& socket) {
  // Of a thousand. It is asked for rarely, and a reset is rarely the answer.
  const uint64_t hidden = socket.reset_arrived ? 900 : 200;
  if (socket.session == nullptr || socket.session->far == nullptr) return false;
  const bool may = scenario_.has(Fault::kNoMemory) || scenario_.has(Fault::kLateCompletion);
  if (!may || !random_.Chance(hidden)) return false;
  trace_.Add("socket %d: its state is not told", socket.id);
  checker_.StateHidden(socket);
  return true;
}

void Kernel::SocketChanged(Socket& socket) {
  if (socket.fd < 0) return;
  Descriptor& descriptor = table_[static_cast<size_t>(socket.fd - kFirst)];
  for (const Direction direction : {kIn, kOut}) Ready(descriptor, direction);
}

void Kernel::Ready(Descriptor& descriptor, Direction direction) {
  OpSlot& slot = descriptor.slots[direction];
  if (slot.op == nullptr || slot.ended || slot.starved || slot.queued) return;
  if (!Executable(*slot.op)) return;
  if (mutant(Mutant::kLoseWakeup) && random_.Chance(20)) return;
  slot.reactor->Ready(slot);
}

}  // namespace sluice::sim
