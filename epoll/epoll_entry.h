// What the parts of EpollReactor agree on: where an op is, and which readiness it waits for.
#ifndef SLUICE_EPOLL_EPOLL_ENTRY_H_
#define SLUICE_EPOLL_EPOLL_ENTRY_H_

#include <sys/epoll.h>

#include <cstdint>

#include "core/base/check.h"
#include "core/reactor/op.h"
#include "epoll/descriptor_table.h"

namespace sluice::epoll {

// Where an op is while it is in flight (Op::state).
enum OpState : uint8_t { kPosted = 0, kParked, kStarved, kPaused, kCalled };

inline Direction DirectionOf(const core::Op& op) {
  switch (op.kind) {
    case core::OpKind::kAccept:
    case core::OpKind::kRecv:
    case core::OpKind::kRead:
    case core::OpKind::kRecvMessage:
    case core::OpKind::kRecvInto:
      return kIn;
    case core::OpKind::kConnect:
    case core::OpKind::kSend:
    case core::OpKind::kWrite:
    case core::OpKind::kSendMessage:
      return kOut;
    case core::OpKind::kOpen:
      break;
    case core::OpKind::kPoll:
      return (op.events & EPOLLOUT) != 0 ? kOut : kIn;
  }
  SLUICE_CHECK(false);
}

// Bytes, of the caller's.
inline bool Sends(const core::Op& op) {
  return op.kind == core::OpKind::kSend || op.kind == core::OpKind::kWrite ||
         op.kind == core::OpKind::kSendMessage;
}

}  // namespace sluice::epoll

#endif  // SLUICE_EPOLL_EPOLL_ENTRY_H_
