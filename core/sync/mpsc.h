// Mpsc<T>: a channel from many senders to one receiver, with a bound. The mailbox of an actor, the
// queue before a writer.
//
//     auto [sender, receiver] = core::Mpsc<Order>::Make(100);     // a Sender can be copied
//
//     SendResult<Order> sent = co_await sender.Send(order);       // waits while 100 are queued
//     IoResult<Mpsc<Order>::Permit> permit = co_await sender.Reserve();
//     if (permit.ok()) permit->Send(MakeOrder());                 // cannot fail
//     sender.TrySend(order);  sender.BlockingSend(order);         // at once; from a plain thread
//
//     while (true) {
//       IoResult<Order> order = co_await receiver.Next();
//       if (!order.ok()) break;                                   // EPIPE: the last one has gone
//       Handle(*order);
//     }
//
// Order: what one sender has sent comes in that order; senders that wait get slots in the order in
// which they came. NextMany takes all that is there under one lock, BlockingNext waits in a plain
// thread.
//
// Bounded, as all our channels are: a queue without a bound has one all the same, the memory of the
// machine, and is late by as much as it holds; with a bound, senders learn that they are too fast.
// Where a sender cannot wait it uses TrySend and decides what to drop. The memory for `capacity`
// values is allocated when the channel is made; sending and receiving allocate nothing.
//
// Closed both ways: when the last Sender has gone, and every Permit, a receive brings what is
// queued and then EPIPE. After Receiver::Close, or when the receiver has gone, a Send brings EPIPE
// and its value back; after Close what was sent can still be received, also by Permits that are
// out.
//
// An end that is a parameter of a coroutine lives as long as its frame: of one in a Join, until all
// branches have ended. Where others wait for it to go, assign {} to it at the end.
//
// Errors: EPIPE as above; ECANCELED, the scope was cancelled first: then a receive has taken
// nothing and a Send gives its value back, unsent. A value or a slot that comes together with the
// cancellation is handed over as if there had been none. EAGAIN, only of the Try forms: no free
// slot, or nothing there. Results are IoResult (of a send: SendResult, with the value) in all
// channels and never std::optional, because more than one thing can end a wait.
//
// Misuse is a failed check: two receives at the same time, a capacity of 0, blocking a thread that
// runs tasks.
//
// Algorithm: a ring under a lock with two queues of waiters, as Go's channels; Tokio's mpsc has a
// semaphore and lists of blocks instead, and no hand-over from a sender to a waiting receiver.
// Threads: an end is used by one at a time, any; the value is moved under a lock: it should be
// small or cheap to move, as a std::unique_ptr is.
// Checked by: tests/core/sync/mpsc_test.cc, tests/core/sync/mpsc_cancel_test.cc (every order of
// cancellations, a storm), tests/core/sync/channel_memory_test.cc, tests/model
// (channel_model_test.cc and, with planted mistakes, channel_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_MPSC_H_
#define SLUICE_CORE_SYNC_MPSC_H_

#include <cstddef>
#include <utility>

#include "core/base/intrusive_ptr.h"
#include "core/sync/channel_ends.h"

namespace sluice::core {

template <typename T>
struct Mpsc {
  using Sender = ChannelSender<T>;
  using Permit = ChannelPermit<T>;
  using Receiver = ChannelReceiver<T, /*kShared=*/false>;

  // `capacity`: how many values it holds, at least 1.
  static std::pair<Sender, Receiver> Make(size_t capacity) {
    auto channel = MakeRef<internal::BoundedChannel<T>>(capacity, /*one_receiver=*/true);
    return {Sender(channel), Receiver(std::move(channel))};
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_MPSC_H_
