// AcceptOp: a stream of accepted connections; Accepted: one of them on its way to the task.
#ifndef SLUICE_CORE_REACTOR_ACCEPT_OP_H_
#define SLUICE_CORE_REACTOR_ACCEPT_OP_H_

#include <cstdint>

#include "core/base/check.h"
#include "core/reactor/op.h"
#include "core/task/node_queue.h"

namespace sluice::core {

class AcceptOp;
class Accepted final : public Node {
 public:
  Accepted(AcceptOp& op, int fd) : op(op), fd(fd) {}
  void OnReady() override;
  AcceptOp& op;
  const int fd;
  bool last = false;  // the accept ends with this connection; it has to be submitted again
};

// Connections that an accept brings at most before it ends by itself: what lies between the kernel
// and the listener's task is bounded, for each has taken a descriptor that others may lack.
inline constexpr uint32_t kAcceptsPerSubmit = 16;

class AcceptOp final : public Op {
 public:
  explicit AcceptOp(int fd) : Op(OpKind::kAccept, fd) {}
  bool one_by_one = false;  // end after one connection; set before Submit
  ~AcceptOp() { SLUICE_DCHECK(accepted_.empty()); }

  bool has_connection() const { return !accepted_.empty(); }
  // In the task: the oldest accepted descriptor; the caller owns it now.
  int TakeConnection();
  void Deliver(Accepted& accepted);
  void Append(Accepted& accepted) { accepted_.Push(accepted); }

 private:
  NodeQueue accepted_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_ACCEPT_OP_H_
