// What the files of Channel share: the state of one connection, and how its tasks wait.
#ifndef SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_
#define SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
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
        write(core::OpKind::kWrite, fd),
        send_message(core::OpKind::kSendMessage, fd),
        read(core::OpKind::kRead, fd),
        recv_message(core::OpKind::kRecvMessage, fd),
        recv_into(core::OpKind::kRecvInto, fd),
        open(core::OpKind::kOpen, fd),
        poll(core::OpKind::kPoll, fd) {}

  const int fd;
  const int family;
  std::unique_ptr<Far> far;
  core::RecvOp recv;
  core::SingleShotOp send;
  core::FileOp write;
  core::SingleShotOp send_message;
  core::SingleShotBase* sender = &send;  // one of the three
  core::FileOp read;
  core::SingleShotOp recv_message;
  core::SingleShotOp recv_into;          // `drained`: only from one to the next
  core::SingleShotBase* reader = &read;  // one of the three
  core::FileOp open;
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
  iovec sending_part = {};
  msghdr sending_header = {};
  // Where the reader reads to; not empty: it has been submitted and not looked at since.
  std::string room;
  iovec room_part = {};
  msghdr room_header = {};
  bool opening = false;     // an open has been submitted and not looked at since
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

// A far end that is simulated may have vanished in place of resetting.
inline bool IsReset(int error) {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT;
}

inline core::Reactor& Here() { return core::Worker::Current()->reactor(); }

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_CHANNEL_LINK_H_
