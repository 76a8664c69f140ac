// SocketApi::GetDelivery. Apart from the rest of socket_api.cc since only the kernel's own header
// knows these fields of tcp_info, and it cannot be included beside the C library's.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstddef>

#include "core/net/socket_api.h"

namespace sluice::core {
namespace {

// The kernel counts the time since the last acknowledgement in ticks of at most so much.
constexpr Duration kTick = 10ms;
// TCP_CLOSE of the C library's header.
constexpr int kClosed = 7;

}  // namespace

Delivery SocketApi::GetDelivery(int fd) {
  int bytes = 0;
  if (ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) bytes = 0;
  Delivery delivery = {.pending = static_cast<size_t>(bytes)};
  tcp_info info;
  socklen_t size = sizeof(info);
  constexpr size_t kNeeded = offsetof(tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size >= kNeeded) {
    delivery.taken = info.tcpi_bytes_acked;
    delivery.is_lost = info.tcpi_state == kClosed;
    delivery.quiet_for = std::max<Duration>(0ns, info.tcpi_last_ack_recv * 1ms - kTick);
  } else {
    // It falls when the peer reads, and rises when the kernel accepts more, which is progress too.
    delivery.taken = static_cast<uint64_t>(bytes);
    delivery.kept = true;
  }
  return delivery;
}

}  // namespace sluice::core
