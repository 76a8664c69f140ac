// Mpmc<T>: a channel from many senders to many receivers, with a bound; each value comes to one of
// them. The queue of a pool of workers.
//
//     auto [sender, receiver] = core::Mpmc<Job>::Make(100);
//
//     core::Task<void> Work(core::Mpmc<Job>::Receiver jobs) {   // each has a copy
//       while (true) {
//         IoResult<Job> job = co_await jobs.Next();
//         if (!job.ok()) co_return;                             // EPIPE: no more jobs will come
//         co_await Do(*job);
//       }
//     }
//
// It is an Mpsc (mpsc.h tells of sending, closing, errors, the bound and its reason) whose
// receivers can be copied:
//   - receivers that wait are served in the order in which they came, whatever they are copies of;
//   - Close, of any receiver, closes the channel for all; the last receiver that goes does, too;
//   - a receive that is cancelled takes nothing: the value goes to another.
// For values that every receiver is to see there is core/sync/broadcast.h.
//
// Threads: an end is used by one at a time, any; make a copy for each.
// Checked by: tests/core/sync/mpmc_test.cc (every order of cancellations, a storm).
#ifndef SLUICE_CORE_SYNC_MPMC_H_
#define SLUICE_CORE_SYNC_MPMC_H_

#include <cstddef>
#include <utility>

#include "core/base/intrusive_ptr.h"
#include "core/sync/channel_ends.h"

namespace sluice::core {

template <typename T>
struct Mpmc {
  using Sender = ChannelSender<T>;
  using Permit = ChannelPermit<T>;
  using Receiver = ChannelReceiver<T, /*kShared=*/true>;

  // `capacity`: how many values it holds, at least 1.
  static std::pair<Sender, Receiver> Make(size_t capacity) {
    auto channel = MakeRef<internal::BoundedChannel<T>>(capacity, /*one_receiver=*/false);
    return {Sender(channel), Receiver(std::move(channel))};
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_MPMC_H_
