#include "proxy/server/handover_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "core/io/poll.h"
#include "proxy/server/handover_codec.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;

constexpr size_t kControl = CMSG_SPACE(kSocketsPerPacket * sizeof(int));

// A process that was killed shows as a reset when it had not read all.
int ErrorOf(int error) { return error == ECONNRESET ? EPIPE : error; }

std::vector<int> TakeDescriptors(msghdr& message) {
  std::vector<int> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = taken.size();
    taken.resize(before + count);
    std::memcpy(taken.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  return taken;
}

}  // namespace

IoResult<void> SendPacket(int channel, std::string_view bytes, std::span<const int> descriptors,
                          int flags) {
  SLUICE_CHECK(descriptors.size() <= kSocketsPerPacket && bytes.size() <= kPacketBytes);
  alignas(cmsghdr) char control[kControl] = {};
  iovec content = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message = {};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  while (sendmsg(channel, &message, flags | MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return IoError(ErrorOf(errno));
  }
  return {};
}

IoResult<Packet> ReceivePacket(int channel, int flags) {
  Packet packet;
  packet.bytes.resize(kPacketBytes);
  alignas(cmsghdr) char control[kControl];
  iovec content = {.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  msghdr message = {};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = -1;
  while ((size = recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) return IoError(ErrorOf(errno));
  }
  packet.descriptors = TakeDescriptors(message);
  packet.bytes.resize(static_cast<size_t>(size));
  const int error = (message.msg_flags & MSG_TRUNC) != 0    ? EMSGSIZE
                    : (message.msg_flags & MSG_CTRUNC) != 0 ? EMFILE
                    : size == 0                             ? EPIPE
                                                            : 0;
  if (error == 0) return packet;
  for (const int fd : packet.descriptors) close(fd);
  return IoError(error);
}

core::Task<IoResult<void>> Transmit(int channel, std::string bytes,
                                    std::span<const int> descriptors) {
  for (;;) {
    IoResult<void> sent = SendPacket(channel, bytes, descriptors, MSG_DONTWAIT);
    if (sent.ok() || sent.error() != EAGAIN) co_return sent;
    IoResult<uint32_t> ready = co_await core::Poll(channel, POLLOUT);
    if (!ready.ok()) co_return IoError(ready.error());
  }
}

core::Task<IoResult<Packet>> NextPacket(int channel) {
  for (;;) {
    IoResult<Packet> packet = ReceivePacket(channel, MSG_DONTWAIT);
    if (packet.ok() || packet.error() != EAGAIN) co_return packet;
    IoResult<uint32_t> ready = co_await core::Poll(channel, POLLIN);
    if (!ready.ok()) co_return IoError(ready.error());
  }
}

}  // namespace sluice::proxy
