// The part of EpollReactor for ops that no edge is to end: they are held here.
//
//   STARVED   a recv that found no buffer: until one is back
//   PAUSED    a send that brought EAGAIN behind an edge, where poll(2) says that it may send, and a
//             poll that is to begin with a pause (core/io/attempt.h): for 10 ms
//
// Two states of a socket are such that poll(2) and send(2) say different things, and in both the
// attempt itself is an edge: the op would go from one to the next without a pause.
//   UNIX datagrams   The queue of the one that a message goes to is full of others' datagrams, and
//                    the socket is not connected to it: nothing tells when it is not any more.
//   TCP              The kernel is short of memory for sockets, and none of its bytes are on their
//                    way. (If some are, their acknowledgement is the edge.)
// poll(2) is only asked when an edge has been in vain.

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/counter.h"
#include "epoll/epoll_entry.h"
#include "epoll/epoll_reactor.h"

namespace sluice::epoll {

using core::Op;

constexpr core::Duration kPause = 10ms;

// The op waits for a buffer.
void EpollReactor::Starve(Op& op) {
  core::Count(counters_.starved);
  op.state = kStarved;
  ++waiting_;
  {
    absl::MutexLock lock(&held_mutex_);
    starved_.Push(op);
  }
  has_starved_ = true;
  pool_.SetWanted(true);
  if (pool_.has_free()) Wake();  // one came back meanwhile
}

// Lets as many starved ops try again as there are buffers. True: some do.
bool EpollReactor::FeedStarved() {
  if (!has_starved_) return false;
  pool_.CollectRemote();
  size_t free = pool_.count() - pool_.taken();
  bool fed = false;
  absl::MutexLock lock(&held_mutex_);
  while (free-- > 0 && !starved_.empty()) {
    --waiting_;
    PostRetry(static_cast<Op&>(*starved_.Pop()));
    fed = true;
  }
  has_starved_ = !starved_.empty();
  pool_.SetWanted(has_starved_);
  return fed;
}

// The first one decides when all end: none waits longer than kPause. Those whose time is over are
// in due_ until they have all been posted: one that pauses again meanwhile waits as long as others.
void EpollReactor::Pause(Op& op) {
  op.state = kPaused;
  ++waiting_;
  absl::MutexLock lock(&held_mutex_);
  if (paused_.empty()) pause_ends_at_ = core::MonotonicClock().Now() + kPause;
  paused_.Push(op);
  has_paused_ = true;
}

// Lets paused ops try again when it is time, about `limit` of them, which it counts down. Returns
// for how long a turn may wait now.
std::optional<core::Duration> EpollReactor::EndPauses(std::optional<core::Duration> timeout,
                                                      uint32_t& limit) {
  absl::MutexLock lock(&held_mutex_);
  if (due_.empty()) {
    const core::Duration left = pause_ends_at_ - core::MonotonicClock().Now();
    if (left > core::Duration::zero()) return std::min(timeout.value_or(left), left);
    std::swap(due_, paused_);
  }
  for (limit = std::max<uint32_t>(limit, 1); limit > 0 && !due_.empty(); --limit) {
    --waiting_;
    PostRetry(static_cast<Op&>(*due_.Pop()));
  }
  has_paused_ = !paused_.empty() || !due_.empty();
  return core::Duration::zero();
}

}  // namespace sluice::epoll
