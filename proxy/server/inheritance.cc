#include "proxy/server/inheritance.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/handover_channel.h"

namespace sluice::proxy {
namespace {

using core::IoResult;

// For one packet of a process that has nothing else to do. It ends this one when it is late itself.
constexpr timeval kPatience = {.tv_sec = 30, .tv_usec = 0};

absl::Status ToStatus(int error) {
  if (error == EPIPE) {
    return absl::UnavailableError("upgrade: the process that hands over has gone");
  }
  if (error == EAGAIN) {
    return absl::DeadlineExceededError("upgrade: the process that hands over does not answer");
  }
  if (error == ECANCELED) return absl::CancelledError();
  return absl::InternalError(absl::StrCat("upgrade: cannot take over: ", std::strerror(error)));
}

absl::Status Unexpected() {
  return absl::InternalError(
      "upgrade: the process that hands over does not keep to the protocol of the hand-over");
}

bool Listens(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Inheritance>> Inheritance::Receive(int channel) {
  std::unique_ptr<Inheritance> inheritance(new Inheritance(channel));
  if (setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) {
    return ToStatus(errno);
  }
  const absl::Status status = inheritance->ReceiveAll();
  if (!status.ok()) return status;
  return inheritance;
}

Inheritance::~Inheritance() {
  for (const InheritedSocket& each : sockets_) {
    if (each.fd >= 0) close(each.fd);
  }
  if (channel_ >= 0) close(channel_);
}

absl::Status Inheritance::ReceiveAll() {
  IoResult<void> sent = SendPacket(channel_, handover::Encode(handover::Hello()), {}, 0);
  if (!sent.ok()) return ToStatus(sent.error());
  for (;;) {
    IoResult<Packet> packet = ReceivePacket(channel_, 0);
    if (!packet.ok()) return ToStatus(packet.error());
    absl::StatusOr<handover::Message> message = handover::Decode(packet->bytes);
    auto* const part = message.ok() ? std::get_if<handover::Sockets>(&*message) : nullptr;
    const bool fits = part != nullptr && part->first == sockets_.size();
    const absl::Status added = Add(fits ? std::move(part->sockets) : std::vector<HandoverSocket>(),
                                   std::move(packet->descriptors));
    if (!added.ok()) return added;
    if (!fits) return Unexpected();
    const handover::Ack ack{.received = static_cast<uint32_t>(sockets_.size())};
    sent = SendPacket(channel_, handover::Encode(ack), {}, 0);
    if (!sent.ok()) return ToStatus(sent.error());
    if (sockets_.size() == part->total) return absl::OkStatus();
    if (sockets_.size() == part->first) return Unexpected();  // it goes on without an end
  }
}

// Takes the descriptors, also when they are not as they should be.
absl::Status Inheritance::Add(std::vector<HandoverSocket> sockets, std::vector<int> descriptors) {
  const bool match = sockets.size() == descriptors.size();
  sockets.resize(descriptors.size());
  absl::Status status = match ? absl::OkStatus() : Unexpected();
  for (size_t i = 0; i < descriptors.size(); ++i) {
    if (!Listens(descriptors[i])) status = Unexpected();
    sockets_.push_back({.socket = std::move(sockets[i]), .fd = descriptors[i]});
  }
  return status;
}

core::Task<absl::Status> Inheritance::WaitForCommit() {
  handover::Ready ready;
  for (InheritedSocket& each : sockets_) {
    ready.serves.push_back(each.fd < 0);
    if (each.fd >= 0) core::CurrentReactor().CloseNow(std::exchange(each.fd, -1));
  }
  IoResult<void> sent = co_await Transmit(channel_, handover::Encode(ready));
  if (!sent.ok()) co_return ToStatus(sent.error());
  IoResult<Packet> packet = co_await NextPacket(channel_);
  if (!packet.ok()) co_return ToStatus(packet.error());
  const absl::StatusOr<handover::Message> message = handover::Decode(packet->bytes);
  for (const int fd : packet->descriptors) core::CurrentReactor().Close(fd);
  const bool commits = message.ok() && std::holds_alternative<handover::Commit>(*message);
  co_return commits ? absl::OkStatus() : Unexpected();
}

core::Task<absl::Status> Inheritance::TellServing() {
  IoResult<void> sent = co_await Transmit(channel_, handover::Encode(handover::Serving()));
  co_return sent.ok() ? absl::OkStatus() : ToStatus(sent.error());
}

core::Task<void> Inheritance::WaitForFarewell() {
  constexpr core::Duration kPatienceAtEnd = 2s;
  auto outcome = co_await core::Select(core::Named<"end">(NextPacket(channel_)),
                                       core::Named<"late">(core::Sleep(kPatienceAtEnd)));
  IoResult<Packet> packet = outcome.Get<"end">();
  if (!packet.ok()) co_return;
  for (const int fd : packet->descriptors) core::CurrentReactor().Close(fd);
}

void Inheritance::Close() {
  if (channel_ >= 0) core::CurrentReactor().Close(std::exchange(channel_, -1));
}

}  // namespace sluice::proxy
