// What the files of Channel share: the state of one connection, and how its tasks wait.
#ifndef SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_
#define SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_

#include <coroutine>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "core/reactor/recv_op.h"
#include "core/sched/worker.h"
#include "tests/fuzz/channel.h"

namespace sluice::fuzz {

struct Channel::Link {
  Link(int fd, int family, std::unique_ptr<Far> far)
      : fd(fd),
        family(family),
        far(std::move(far)),
        recv(fd),
        send(core::OpKind::kSend, fd),
        poll(core::OpKind::kPoll, fd) {}

  const int fd;
  const int family;
  std::unique_ptr<Far> far;
  core::RecvOp recv;
  core::SingleShotOp send;
  core::SingleShotOp poll;

  // Towards us. `goal`: what the program has asked for; the rest is how far it has come.
  size_t down_goal = 0;
  size_t down_sent = 0;
  size_t down_received = 0;
  bool far_finishes = false;
  bool far_finished = false;
  bool end_seen = false;
  // Towards the far end.
  size_t up_goal = 0;
  size_t up_sent = 0;
  size_t up_received = 0;
  bool finishes = false;
  bool finished = false;
  std::string sending;
  bool reset = false;       // by the far end: nothing is promised but an end that is not clean
  bool error_told = false;  // of the reset, by some op

  bool polling = false;         // a poll has been submitted and not looked at since
  size_t received_at_poll = 0;  // when it was
  std::deque<core::BufferLease> held;
  uint32_t credit = 0;     // of the recv in flight
  size_t since_begin = 0;  // bytes it has brought
};

// Suspends until the op brings something or ends; another task does what it waits for.
struct Something {
  bool await_ready() const {
    return !op.in_flight ||
           (op.kind == core::OpKind::kRecv && static_cast<core::RecvOp&>(op).has_buffer());
  }
  void await_suspend(std::coroutine_handle<> self) { op.waiter = self; }
  void await_resume() const {}
  core::Op& op;
};

inline core::Reactor& Here() { return core::Worker::Current()->reactor(); }

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_
