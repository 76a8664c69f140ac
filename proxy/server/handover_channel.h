// HandoverChannel: packets with descriptors between two processes, over a SOCK_SEQPACKET socket.
//
//     const IoResult<void> sent = SendPacket(channel, bytes, descriptors, MSG_DONTWAIT);
//     IoResult<Packet> packet = co_await NextPacket(channel);
//
// Errors are errno values. EPIPE: the other process has gone, or has closed its end. EMSGSIZE: a
// packet longer than kPacketBytes. EMFILE: some of its descriptors could not be had. Of a packet
// that fails no descriptor stays.
#ifndef SLUICE_PROXY_SERVER_HANDOVER_CHANNEL_H_
#define SLUICE_PROXY_SERVER_HANDOVER_CHANNEL_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/task/task.h"

namespace sluice::proxy {

struct Packet {
  std::string bytes;
  std::vector<int> descriptors;  // the receiver's from now on, closed on exec
};

// `flags`: MSG_DONTWAIT, or 0 to wait in the calling thread. At most kSocketsPerPacket descriptors.
core::IoResult<void> SendPacket(int channel, std::string_view bytes,
                                std::span<const int> descriptors, int flags);
core::IoResult<Packet> ReceivePacket(int channel, int flags);

// Inside a task; ECANCELED when its scope is cancelled.
core::Task<core::IoResult<void>> Transmit(int channel, std::string bytes,
                                          std::span<const int> descriptors = {});
core::Task<core::IoResult<Packet>> NextPacket(int channel);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_HANDOVER_CHANNEL_H_
