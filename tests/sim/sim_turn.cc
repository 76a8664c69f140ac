// SimReactor's Turn: what the simulated kernel does behind the tasks' backs, and how they hear of
// it.
#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "core/base/counter.h"
#include "core/sched/worker.h"
#include "tests/sim/sim_reactor.h"

namespace sluice::sim {

using core::Buffer;
using core::Op;
using core::OpKind;
using core::RecvOp;

void SimReactor::Ready(OpSlot& slot) {
  if (slot.queued) return;
  slot.queued = true;
  ready_.push_back(&slot);
}

bool SimReactor::HasWork() const {
  const bool feed =
      !starved_.empty() && pool_.has_free() && !kernel_.mutant(Mutant::kForgetStarved);
  return feed || !ready_.empty() || !cancels_.empty() || !closes_.empty() || !completions_.empty();
}

void SimReactor::Turn(std::optional<core::Duration>, uint32_t limit) {
  core::Count(counters_.turns);
  for (const int fd : std::exchange(closes_, {})) kernel_.FinishClose(fd);
  TakeCancels();
  FeedStarved();
  RunReady();
  Reap(std::max<uint32_t>(limit, 1));
}

void SimReactor::TakeCancels() {
  for (Op* op : std::exchange(cancels_, {})) {
    if (kernel_.Chance(Fault::kLateCompletion)) {
      cancels_.push_back(op);
    } else {
      CancelNow(*op);
    }
  }
}

// Completion style; the reference for the cancel has been taken.
void SimReactor::CancelNow(Op& op) {
  OpSlot& slot = kernel_.SlotOf(op);
  // The op may be faster.
  if (!slot.ended && !slot.starved && kernel_.Executable(op) && kernel_.random().Chance(500)) {
    Execute(slot);
  }
  const Completion answer = {Completion::Kind::kCancelDone, &op};
  const bool answer_first = kernel_.random().Chance(300);
  if (answer_first) completions_.push_back(answer);
  if (!slot.ended) {
    std::erase(starved_, &slot);
    std::erase(ready_, &slot);
    End(slot, -ECANCELED);
  }
  if (!answer_first) completions_.push_back(answer);
}

void SimReactor::Starve(OpSlot& slot) {
  core::Count(counters_.starved);
  slot.starved = true;
  starved_.push_back(&slot);
  pool_.SetWanted(true);
}

void SimReactor::FeedStarved() {
  if (starved_.empty() || kernel_.mutant(Mutant::kForgetStarved)) return;
  pool_.CollectRemote();
  size_t room = pool_.count() - pool_.taken();
  while (room-- > 0 && !starved_.empty()) {
    OpSlot& slot = *starved_.front();
    starved_.pop_front();
    slot.starved = false;
    Ready(slot);
  }
  if (starved_.empty()) pool_.SetWanted(false);
}

void SimReactor::RunReady() {
  for (size_t count = ready_.size(); count > 0; --count) {
    const size_t pick = kernel_.random().Below(std::min<size_t>(ready_.size(), 4));
    OpSlot& slot = *ready_[pick];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(pick));
    slot.queued = false;
    if (kernel_.Chance(Fault::kLateCompletion)) {
      Ready(slot);
    } else if (slot.completion_style) {
      if (kernel_.Executable(*slot.op)) Execute(slot);
    } else {
      completions_.push_back({Completion::Kind::kRetry, slot.op});
      slot = OpSlot();
      --in_flight_;
    }
  }
}

// Completion style: does what the op asks for and writes down what came of it.
void SimReactor::Execute(OpSlot& slot) {
  Op& op = *slot.op;
  switch (op.kind) {
    case OpKind::kRecv:
      ExecuteRecv(slot);
      return;
    case OpKind::kAccept:
      ExecuteAccept(slot);
      return;
    case OpKind::kConnect:
    case OpKind::kSend:
    case OpKind::kPoll:
    case OpKind::kRead:
    case OpKind::kWrite:
    case OpKind::kOpen:
    case OpKind::kRecvMessage:
    case OpKind::kSendMessage:
    case OpKind::kRecvInto:
      std::erase(ready_, &slot);
      Perform(op);
      End(slot, op.result);
      return;
  }
}

void SimReactor::ExecuteRecv(OpSlot& slot) {
  RecvOp& op = static_cast<RecvOp&>(*slot.op);
  Socket& socket = *kernel_.at(op.fd).socket;
  std::erase(ready_, &slot);
  while (socket.readable()) {
    Buffer* buffer = pool_.Take();
    if (buffer == nullptr && HasReserve()) {
      op.result = -ECANCELED;  // if a cancel is under way
      if (!kernel_.mutant(Mutant::kManyBlocks)) op.credit = static_cast<uint32_t>(slot.credit_left);
      slot.ended = true;
      completions_.push_back({Completion::Kind::kReadInTask, &op});
      return;
    }
    if (buffer == nullptr) {
      Starve(slot);
      return;
    }
    int64_t bytes = ReadFrom(socket, buffer->data, buffer->capacity);
    if (bytes <= 0) {
      if (!kernel_.mutant(Mutant::kLeakBuffer)) pool_.Release(buffer, /*owner=*/true);
      if (kernel_.mutant(Mutant::kResetLooksClean)) bytes = 0;
      End(slot, static_cast<int32_t>(bytes));
      return;
    }
    kernel_.checker().Received(socket);
    op.bulk = pool_.large() != nullptr && static_cast<uint32_t>(bytes) == buffer->capacity;
    buffer->size = static_cast<uint32_t>(bytes);
    if (!kernel_.mutant(Mutant::kIgnoreCredit)) slot.credit_left -= bytes;
    if (slot.credit_left <= 0 || !kernel_.scenario().multishot) {
      EndBuffer(slot, *buffer);
      return;
    }
    completions_.push_back({Completion::Kind::kBuffer, &op, buffer, nullptr, /*more=*/true});
    if (kernel_.mutant(Mutant::kSwapBuffers) && completions_.size() > 1) {
      Completion& before = completions_[completions_.size() - 2];
      if (before.op == &op) std::swap(before.buffer, completions_.back().buffer);
    }
    if (kernel_.Chance(Fault::kLateCompletion)) break;
  }
  if (socket.readable()) Ready(slot);
}

// The recv ends with this buffer.
void SimReactor::EndBuffer(OpSlot& slot, Buffer& buffer) {
  if (kernel_.mutant(Mutant::kDropLastBuffer)) {
    pool_.Release(&buffer, /*owner=*/true);
    End(slot, core::kCreditUsed);
    return;
  }
  slot.ended = true;
  completions_.push_back({Completion::Kind::kBuffer, slot.op, &buffer});
}

void SimReactor::ExecuteAccept(OpSlot& slot) {
  auto& op = static_cast<core::AcceptOp&>(*slot.op);
  std::erase(ready_, &slot);
  core::IoResult<int> fd = kernel_.Accept(op.fd);
  if (!fd.ok()) {
    End(slot, -fd.error());
    return;
  }
  const bool more = !op.one_by_one && !kernel_.random().Chance(100);
  slot.ended = !more;
  completions_.push_back(
      {Completion::Kind::kAccepted, &op, nullptr, new core::Accepted(op, *fd), more});
  if (more && kernel_.Executable(op)) Ready(slot);
}

void SimReactor::End(OpSlot& slot, int32_t result) {
  slot.op->result = result;
  slot.ended = true;
  completions_.push_back({Completion::Kind::kOp, slot.op});
}

void SimReactor::Reap(uint32_t limit) {
  uint64_t count = std::min<uint64_t>(limit, completions_.size());
  if (kernel_.Chance(Fault::kLateCompletion)) count = kernel_.random().Below(count + 1);
  for (; count > 0; --count) {
    core::Count(counters_.completions);
    const Completion completion = completions_.front();
    completions_.pop_front();
    ReapOne(completion);
  }
}

void SimReactor::ReapOne(const Completion& completion) {
  Op& op = *completion.op;
  core::Runnable& task = *op.task;
  switch (completion.kind) {
    case Completion::Kind::kRetry:
      op.retry = true;
      Post(task, op);
      return;
    case Completion::Kind::kReadInTask:
      if (!DropRef(op)) return;
      op.retry = true;
      Post(task, op);
      return;
    case Completion::Kind::kBuffer:
      completion.buffer->receiver = static_cast<RecvOp*>(&op);
      completion.buffer->last = false;
      if (!completion.more) {
        op.result = core::kCreditUsed;
        completion.buffer->last = DropRef(op);
      }
      Post(task, *completion.buffer);
      return;
    case Completion::Kind::kAccepted:
      if (!completion.more) {
        op.result = 0;
        completion.accepted->last = DropRef(op);
      }
      Post(task, *completion.accepted);
      return;
    case Completion::Kind::kOp:
    case Completion::Kind::kCancelDone:
      if (DropRef(op)) Post(task, op);
      return;
  }
}

bool SimReactor::DropRef(Op& op) {
  if (op.kernel_refs.fetch_sub(1, std::memory_order_relaxed) != 1) return false;
  kernel_.SlotOf(op) = OpSlot();
  --in_flight_;
  return true;
}

// As this worker, or as another one that has stolen the task.
void SimReactor::Post(core::Runnable& task, core::Node& node) {
  core::Worker* self = core::Worker::Current();
  if (kernel_.may_steal && kernel_.Chance(Fault::kSteal)) {
    kernel_.workers[kernel_.random().Below(kernel_.workers.size())]->Enter();
    kernel_.stolen = true;
  }
  task.Post(node);
  self->Enter();
}

}  // namespace sluice::sim
