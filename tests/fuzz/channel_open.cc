// Channel: how a connection begins.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/io/connect.h"
#include "core/reactor/accept_op.h"
#include "tests/contract/sockets.h"
#include "tests/core/support/yield.h"
#include "tests/fuzz/channel_link.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {

using core::OpKind;
using core::SingleShotOp;
using core::Task;
using core::testing::Yield;

// A connection made by us, perhaps after one that was cancelled on the way.
Task<int> Channel::Connect(uint32_t way, int family) {
  const std::unique_ptr<World::Target> target = world_.MakeTarget(family);
  const core::Address address = target->address();
  for (bool cancel = (way & 1) != 0;; cancel = false) {
    core::IoResult<int> fd = Here().OpenSocket(family);
    Expect(fd.ok(), "a socket");
    SingleShotOp op(OpKind::kConnect, *fd);
    op.data = address.get();
    op.size = address.size();
    if (!Submit(op)) {
      for (uint32_t i = 0; cancel && i < way / 8; ++i) co_await Yield();
      if (cancel) co_await Move(way);
      if (cancel) op.Cancel();
      co_await Something{op};
      while (op.in_flight) co_await Yield();
    }
    if (op.result == 0) {
      link_ = std::make_unique<Link>(*fd, family, target->Accept(*fd));
      co_return *fd;
    }
    Expect(cancel && op.result == -ECANCELED, "a connect", strerror(-op.result));
    Here().Close(*fd);
  }
}

// A connection made by the far end, accepted on a duplicate of the listening descriptor.
Task<int> Channel::Accept(uint32_t way, int family) {
  const int listener = world_.Listen(family);
  core::IoResult<int> duplicate = Here().Duplicate(listener);
  Expect(duplicate.ok(), "a duplicate");
  core::AcceptOp op(*duplicate);
  op.one_by_one = (way & 1) != 0;
  if ((way & 8) != 0 && !Submit(op)) {
    op.Cancel();
    while (op.in_flight) co_await Yield();
    Expect(!op.has_connection() && op.result == -ECANCELED, "an accept of no connection");
  }
  const bool before = (way & 16) != 0;  // it waits already when the client comes
  if (before) Expect(!Submit(op), "an accept of no connection is not done at once");
  std::unique_ptr<Far> far = world_.Dial(*duplicate);
  if (!before) (void)Submit(op);
  while (!op.has_connection()) {
    Expect(op.in_flight || op.has_connection(), "an accept ends with a connection");
    co_await Yield();
  }
  const int fd = op.TakeConnection();
  op.Cancel();
  while (op.in_flight) co_await Yield();
  Expect(!op.has_connection(), "one connection is accepted once");
  Here().Close(*duplicate);
  Here().CloseListener(listener);
  link_ = std::make_unique<Link>(fd, family, std::move(far));
  co_return fd;
}

Task<void> Channel::Open(uint32_t way) {
  const int family = (way & 4) != 0 ? AF_UNIX : AF_INET;
  if ((way & 2) != 0) {
    (void)co_await Accept(way, family);
  } else {
    (void)co_await Connect(way, family);
  }
  // Does nothing to a descriptor of the simulation, whose windows are small anyway.
  if (program_.small_sockets) contract::SetBufferSizes(link_->fd, 4096);
}

}  // namespace sluice::fuzz
