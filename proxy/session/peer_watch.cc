#include "proxy/session/peer_watch.h"

#include <cerrno>

#include "core/io/poll.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kWatchAfter = 20ms;

}  // namespace

core::Task<int> PeerReset(int fd, WhenBroken when_broken) {
  if (!co_await core::Sleep(kWatchAfter)) co_return ECANCELED;
  const core::IoResult<uint32_t> broken = co_await core::Poll(fd, 0);
  if (!broken.ok() && broken.error() == ECANCELED) co_return ECANCELED;
  if (core::CurrentReactor().GetPeerState(fd) == core::PeerState::kReset) co_return 0;
  if (when_broken == WhenBroken::kEnd) co_return EPIPE;
  // A UNIX client that has closed may have sent something before: that is still to be relayed.
  while (co_await core::Sleep(1h)) {
  }
  co_return ECANCELED;
}

int ErrorOfReset(int fd) {
  const int error = core::CurrentReactor().TakeError(fd);
  return error == 0 || error == EPIPE ? ECONNRESET : error;
}

}  // namespace sluice::proxy
