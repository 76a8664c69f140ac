#include "tests/sim/sim_reactor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/recv_now.h"
#include "core/sched/worker.h"

namespace sluice::sim {

using core::Buffer;
using core::Op;
using core::OpKind;
using core::RecvOp;

SimReactor& SimReactor::OfCurrentWorker() {
  return static_cast<SimReactor&>(core::Worker::Current()->reactor());
}

bool SimReactor::Submit(Op& op) {
  core::Count(counters_.ops);
  if (op.kind == OpKind::kOpen) {  // there are no files
    op.result = -ENOENT;
    return true;
  }
  OpSlot& slot = kernel_.SlotOf(op);
  if (slot.op != nullptr) kernel_.trace().Fail("two ops on one direction of %d", op.fd);
  Descriptor& descriptor = kernel_.at(op.fd);
  if (descriptor.socket != nullptr) kernel_.checker().Submitted(op, *descriptor.socket);
  if (op.kind == OpKind::kConnect) kernel_.StartConnect(op);
  if (op.kind == OpKind::kAccept) kernel_.NoteListener(op.task);
  const bool bulk = op.kind == OpKind::kRecv && static_cast<RecvOp&>(op).bulk;
  if (bulk || !kernel_.random().Chance(kernel_.scenario().completion_style)) {
    if (!op.task->ConsumeBudget()) {  // others first
      op.retry = true;
      op.task->Post(op);
      return false;
    }
    return Advance(op);
  }
  slot = OpSlot{.op = &op, .reactor = this, .completion_style = true};
  if (op.kind == OpKind::kRecv) slot.credit_left = op.credit;
  op.reactor = this;
  op.kernel_refs.store(1, std::memory_order_relaxed);
  ++in_flight_;
  if (kernel_.Executable(op)) Ready(slot);
  return false;
}

// A recv that found no buffer while others of it are being sent ends; see core/reactor/recv_now.h.
bool SimReactor::Retry(Op& op) {
  if (op.kind == OpKind::kRecv && !core::SomebodyWaits(static_cast<RecvOp&>(op)) &&
      !kernel_.mutant(Mutant::kManyBlocks)) {
    op.result = core::kCreditUsed;
    return true;
  }
  return OfCurrentWorker().Advance(op);
}

// Readiness style: tries; done (true) or parked (false).
bool SimReactor::Advance(Op& op) {
  op.reactor = this;
  const Attempt attempt = Perform(op);
  if (attempt == Attempt::kDone) return true;
  if (op.cancel_requested) {
    op.result = -ECANCELED;
    return true;
  }
  Park(op, attempt == Attempt::kNoBuffer);
  return false;
}

void SimReactor::Park(Op& op, bool starved) {
  OpSlot& slot = kernel_.SlotOf(op);
  slot = OpSlot{.op = &op, .reactor = this};
  ++in_flight_;
  if (starved) Starve(slot);
}

SimReactor::Attempt SimReactor::Perform(Op& op) {
  if (!kernel_.Executable(op)) return Attempt::kNotReady;
  switch (op.kind) {
    case OpKind::kRecv:
      return PerformRecv(static_cast<RecvOp&>(op));
    case OpKind::kSend:
      PerformSend(op);
      break;
    case OpKind::kConnect:
      op.result = kernel_.at(op.fd).connect_result;
      break;
    case OpKind::kAccept: {
      core::IoResult<int> fd = kernel_.Accept(op.fd);
      op.result = fd.ok() ? 0 : -fd.error();
      auto& accept = static_cast<core::AcceptOp&>(op);
      if (fd.ok()) accept.Append(*new core::Accepted(accept, *fd));
      break;
    }
    case OpKind::kPoll:
      op.result = kernel_.Poll(op);
      break;
    case OpKind::kRead:
    case OpKind::kRecvMessage:
    case OpKind::kRecvInto:
      PerformRead(op);
      break;
    case OpKind::kWrite:
    case OpKind::kSendMessage:
      PerformWrite(op);
      break;
    case OpKind::kOpen:
      SLUICE_CHECK(false);
  }
  return Attempt::kDone;
}

Buffer* SimReactor::TakeBuffer(const RecvOp& op) {
  if (op.bulk && pool_.large() != nullptr) {
    if (Buffer* buffer = pool_.large()->Take()) return buffer;
  }
  if (Buffer* buffer = pool_.Take()) return buffer;
  return HasReserve() ? pool_.reserve()->Take() : nullptr;
}

bool SimReactor::HasReserve() const {
  return pool_.reserve() != nullptr && !kernel_.mutant(Mutant::kNoReserve);
}

SimReactor::Attempt SimReactor::PerformRecv(RecvOp& op) {
  Buffer* buffer = TakeBuffer(op);
  if (buffer == nullptr) return Attempt::kNoBuffer;
  Socket& socket = *kernel_.at(op.fd).socket;
  const size_t wanted = std::min(buffer->capacity, op.credit);
  int64_t bytes = ReadFrom(socket, buffer->data, wanted);
  if (bytes > 0) {
    kernel_.checker().Received(socket);
    op.bulk = static_cast<size_t>(bytes) >= pool_.buffer_size();
    buffer->size = static_cast<uint32_t>(bytes);
    op.Append(*buffer);
    op.result = core::kCreditUsed;
    return Attempt::kDone;
  }
  core::BufferLease(buffer).Return();
  if (kernel_.mutant(Mutant::kResetLooksClean)) bytes = 0;
  op.result = static_cast<int32_t>(bytes);
  return Attempt::kDone;
}

int64_t SimReactor::ReadFrom(Socket& socket, std::byte* bytes, size_t count) {
  const int error = kernel_.MemoryError(socket, /*sends=*/false);
  if (error == 0) return kernel_.network().Read(socket, bytes, count);
  return kernel_.mutant(Mutant::kFailureLooksClean) ? 0 : -error;
}

// The first part of a message is all of it.
std::span<std::byte> SimReactor::MemoryOf(const Op& op) {
  void* const data = const_cast<void*>(core::DataOf(op));
  if (op.kind != OpKind::kRecvMessage && op.kind != OpKind::kSendMessage) {
    return {static_cast<std::byte*>(data), op.size};
  }
  const iovec& part = static_cast<const msghdr*>(data)->msg_iov[0];
  return {static_cast<std::byte*>(part.iov_base), part.iov_len};
}

void SimReactor::PerformRead(Op& op) {
  Socket& socket = *kernel_.at(op.fd).socket;
  const std::span<std::byte> memory = MemoryOf(op);
  int64_t bytes = ReadFrom(socket, memory.data(), memory.size());
  if (bytes > 0) kernel_.checker().Received(socket);
  if (bytes > 0 && op.cancel_requested && kernel_.mutant(Mutant::kLoseRead)) bytes = -ECANCELED;
  if (bytes < 0 && kernel_.mutant(Mutant::kResetLooksClean)) bytes = 0;
  op.result = static_cast<int32_t>(bytes);
}

void SimReactor::PerformWrite(Op& op) {
  Socket& socket = *kernel_.at(op.fd).socket;
  const std::span<std::byte> memory = MemoryOf(op);
  const int error = kernel_.MemoryError(socket, /*sends=*/true);
  op.result =
      error != 0
          ? -error
          : static_cast<int32_t>(kernel_.network().Write(socket, memory.data(), memory.size()));
  kernel_.checker().Sent(socket, op.result > 0);
}

void SimReactor::PerformSend(Op& op) {
  Socket& socket = *kernel_.at(op.fd).socket;
  const int error = kernel_.MemoryError(socket, /*sends=*/true);
  op.result = error != 0 ? -error
                         : static_cast<int32_t>(kernel_.network().Write(
                               socket, static_cast<const std::byte*>(core::DataOf(op)), op.size));
  kernel_.checker().Sent(socket, op.result > 0);
}

void SimReactor::Cancel(Op& op) {
  OpSlot& slot = kernel_.SlotOf(op);
  if (slot.op != &op || kernel_.mutant(Mutant::kLoseCancel)) return;
  if (slot.completion_style) {
    if (op.kernel_refs.load(std::memory_order_relaxed) == 0) return;
    op.kernel_refs.fetch_add(1, std::memory_order_relaxed);
    cancels_.push_back(&op);
    return;
  }
  std::erase(starved_, &slot);
  std::erase(ready_, &slot);
  slot = OpSlot();
  --OfCurrentWorker().in_flight_;
  op.result = -ECANCELED;
  op.task->Post(op);
}

core::IoResult<int> SimReactor::OpenSocket(int) { return kernel_.OpenSocket(); }

void SimReactor::Close(int fd) {
  if (fd < Kernel::kFirst) {
    close(fd);
    return;
  }
  kernel_.BeginClose(fd);
  closes_.push_back(fd);
}

core::IoResult<int> SimReactor::Listen(const core::Address&, const core::ListenOptions&,
                                       core::SocketFile&) {
  return kernel_.Listen();
}
core::IoResult<int> SimReactor::Duplicate(int fd) { return kernel_.Duplicate(fd); }
core::IoResult<int> SimReactor::AcceptNow(int fd) {
  kernel_.NoteListener(core::Worker::Current()->running());
  return kernel_.Accept(fd);
}

size_t SimReactor::WaitingConnections(int fd, size_t most) {
  return std::min(kernel_.at(fd).listening->backlog.size(), most);
}

core::IoResult<void> SimReactor::ShutdownWrite(int fd) {
  if (kernel_.at(fd).socket->reset_arrived) return core::IoError(ENOTCONN);
  kernel_.ShutdownWrite(fd);
  return {};
}

void SimReactor::PrepareStream(int fd) { (void)kernel_.at(fd); }
void SimReactor::SetResetOnClose(int fd) { kernel_.at(fd).reset_on_close = true; }

core::Delivery SimReactor::GetDelivery(int fd) {
  const Socket& socket = *kernel_.at(fd).socket;
  const bool end_taken = socket.fin_queued && socket.other->fin_arrived;
  return {.pending = socket.pending(),
          .taken = socket.acknowledged + (end_taken ? 1 : 0),
          .quiet_for = kernel_.network().now() - socket.taken_at,
          .is_lost = socket.reset_arrived};
}

size_t SimReactor::UnreadBytes(int fd) { return kernel_.at(fd).socket->in.size(); }

core::PeerState SimReactor::GetPeerState(int fd) {
  Socket& socket = *kernel_.at(fd).socket;
  if (kernel_.HidesState(socket)) return core::PeerState::kUnknown;
  const bool reset = socket.reset_arrived;
  return reset && !kernel_.mutant(Mutant::kResetLooksClean) ? core::PeerState::kReset
                                                            : core::PeerState::kOpen;
}

int SimReactor::TakeError(int fd) { return std::exchange(kernel_.at(fd).socket->error, 0); }

// What has arrived, or a part of it.
size_t SimReactor::ReadNow(int fd, std::span<std::byte> bytes) {
  Socket& socket = *kernel_.at(fd).socket;
  if (socket.in.empty()) return 0;
  const int64_t read = kernel_.network().Read(socket, bytes.data(), bytes.size());
  SLUICE_CHECK(read > 0);
  if (socket.session != nullptr) kernel_.checker().TakenNow(*socket.session);
  return static_cast<size_t>(read);
}

core::IoResult<size_t> SimReactor::PeekNow(int fd, std::span<std::byte> bytes) {
  Socket& socket = *kernel_.at(fd).socket;
  if (socket.in.empty()) {
    const int64_t end = kernel_.network().Read(socket, bytes.data(), bytes.size());
    if (end < 0) return core::IoError(static_cast<int>(-end));
    return size_t{0};
  }
  size_t count = std::min(bytes.size(), socket.in.size());
  if (count > 1 && kernel_.Chance(Fault::kShortRead)) count = 1 + kernel_.random().Below(count);
  std::memcpy(bytes.data(), socket.in.data(), count);
  return count;
}

core::Address SimReactor::LocalAddress(int fd) {
  (void)kernel_.at(fd);
  return core::Address();
}

core::Address SimReactor::PeerAddress(int fd) {
  if (kernel_.at(fd).session != nullptr) return core::Address();  // an endpoint's: nobody's own
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(1);
  address.sin_addr.s_addr = htonl(kernel_.ClientAddress(fd));
  return core::Address(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

}  // namespace sluice::sim
