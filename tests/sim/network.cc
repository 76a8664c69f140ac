#include "tests/sim/network.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/random.h"

namespace sluice::sim {

Socket& Network::Connect() {
  Socket& first = sockets_.emplace_back();
  Socket& second = sockets_.emplace_back();
  first.other = &second;
  second.other = &first;
  for (Socket* socket : {&first, &second}) {
    socket->id = static_cast<int>(sockets_.size()) - (socket == &first ? 1 : 0);
    const bool tiny = random_.Chance(scenario_.level(Fault::kTinyWindow));
    const int64_t capacity = tiny ? 16 : 8192;
    socket->in_capacity = static_cast<size_t>(random_.Skewed(1, capacity));
    socket->out_capacity = static_cast<size_t>(random_.Skewed(1, capacity));
  }
  NoteProgress();
  return first;
}

int64_t Network::Write(Socket& socket, const std::byte* bytes, size_t count) {
  if (socket.reset_arrived) {
    const int error = std::exchange(socket.error, 0);
    return error != 0 ? -error : -EPIPE;
  }
  if (socket.fin_queued) return -EPIPE;
  if (socket.room() == 0) return -EAGAIN;
  size_t taken = std::min(count, socket.room());
  if (socket.fd >= 0 && random_.Chance(scenario_.level(Fault::kShortWrite))) {
    taken = static_cast<size_t>(random_.Between(1, static_cast<int64_t>(taken)));
  }
  socket.out.Push(bytes, taken);
  socket.total_written += taken;
  ScheduleDelivery(socket);
  NoteProgress();
  return static_cast<int64_t>(taken);
}

int64_t Network::Read(Socket& socket, std::byte* bytes, size_t count) {
  if (!socket.in.empty()) {
    size_t taken = std::min(count, socket.in.size());
    if (socket.fd >= 0 && random_.Chance(scenario_.level(Fault::kShortRead))) {
      taken = static_cast<size_t>(random_.Between(1, static_cast<int64_t>(taken)));
    }
    std::copy_n(socket.in.data(), taken, bytes);
    socket.in.Drop(taken);
    socket.total_read += taken;
    ScheduleDelivery(*socket.other);
    NoteProgress();
    return static_cast<int64_t>(taken);
  }
  if (socket.fin_arrived) {
    socket.end_read = true;
    return 0;
  }
  if (!socket.reset_arrived) return -EAGAIN;
  socket.end_read = true;
  return -std::exchange(socket.error, 0);
}

void Network::ShutdownWrite(Socket& socket) {
  if (socket.fin_queued || socket.reset_arrived) return;
  trace_.Add("socket %d: FIN after %d bytes", socket.id, socket.total_written);
  socket.fin_queued = true;
  ScheduleDelivery(socket);
  NoteProgress();
}

void Network::Close(Socket& socket, bool reset) {
  NoteProgress();
  socket.closed = true;
  if (socket.reset_arrived) return;
  const bool both_ended = socket.fin_arrived && socket.other->fin_arrived;
  if ((reset && !both_ended) || !socket.in.empty()) {
    SendReset(socket);
    return;
  }
  if (!socket.fin_queued) trace_.Add("socket %d: closed, FIN", socket.id);
  socket.fin_queued = true;
  ScheduleDelivery(socket);
}

void Network::ScheduleDelivery(Socket& from) {
  if (from.delivering || from.reset_sent || from.reset_arrived) return;
  const bool fin_waits = from.fin_queued && !from.other->fin_arrived;
  if (from.out.empty() && !fin_waits) return;
  if (!from.out.empty() && from.other->in.size() >= from.other->in_capacity) return;
  from.delivering = true;
  After(Delay(), [this, &from] {
    from.delivering = false;
    Deliver(from);
  });
}

// Some of `out` arrives, and FIN when nothing is left.
void Network::Deliver(Socket& from) {
  Socket& to = *from.other;
  if (from.reset_sent || from.reset_arrived) return;
  if (!from.out.empty()) {
    if (to.closed) {
      SendReset(to);
      return;
    }
    const size_t room = to.in_capacity - std::min(to.in_capacity, to.in.size());
    size_t count = std::min(room, from.out.size());
    if (count > 1 && random_.Chance(300)) count = 1 + random_.Below(count);
    to.in.Push(from.out.data(), count);
    from.out.Drop(count);
    from.acknowledged += count;
    if (count > 0) NoteTaken(from);
  }
  if (from.out.empty() && from.fin_queued && !to.fin_arrived) {
    to.fin_arrived = true;
    NoteTaken(from);
  }
  NoteProgress();
  Changed(to);
  Changed(from);
  ScheduleDelivery(from);
}

void Network::NoteTaken(Socket& from) {
  if (now() > from.taken_at + kTolerance) from.taken_before = from.taken_at;
  from.taken_at = now();
}

// No choice of a seed depends on whether the other host has vanished.
int Network::ErrorOfReset(const Socket& socket) const {
  const uint64_t chance =
      core::Mix(scenario_.options.seed * 1000 + static_cast<uint64_t>(socket.id));
  if (chance % 4 == 0) return ETIMEDOUT;
  return socket.fin_arrived ? EPIPE : ECONNRESET;
}

// What is on its way may still arrive, in part.
void Network::SendReset(Socket& from) {
  if (from.reset_sent) return;
  Socket& to = *from.other;
  const size_t room = to.in_capacity - std::min(to.in_capacity, to.in.size());
  const size_t arrives = std::min(room, random_.Below(from.out.size() + 1));
  trace_.Add("socket %d: RST, %d of %d bytes before it arrive", from.id, arrives, from.out.size());
  if (!to.closed && !to.reset_arrived) to.in.Push(from.out.data(), arrives);
  from.out.Clear();
  from.in.Clear();
  from.reset_sent = true;
  if (arrives > 0) Changed(to);
  After(Delay(), [this, &to] { ResetArrives(to); });
}

void Network::ResetArrives(Socket& socket) {
  if (socket.reset_arrived || socket.reset_sent) return;
  trace_.Add("socket %d: RST arrived", socket.id);
  socket.reset_arrived = true;
  socket.broke_with = ErrorOfReset(socket);
  socket.error = socket.broke_with;
  socket.out.Clear();
  NoteProgress();
  Changed(socket);
}

}  // namespace sluice::sim
