#include "proxy/session/pump.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "core/base/counter.h"
#include "core/io/poll.h"
#include "core/io/recv_stream.h"
#include "core/io/send.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"
#include "proxy/session/peer_watch.h"

namespace sluice::proxy {
namespace {

using core::BufferLease;
using core::IoResult;
using core::Worker;

// Note: the worker may be another one after every co_await.
void NoteSent(Flow& flow, size_t bytes) {
  Worker& worker = *Worker::Current();
  core::Count(flow.bytes, bytes);
  flow.NoteByteAt(worker.Now());
  core::Count(flow.owner.stats().of(worker.index()).at("bytes_total", flow.direction()), bytes);
}

void NoteReceived(Flow& flow) {
  const core::Instant now = Worker::Current()->Now();
  flow.NoteByteAt(now);
  flow.sending = true;
  flow.owner.SendBegins(flow, now);
}

FlowEnd HowEnded(const Flow& flow, int error) {
  if (error == 0) return FlowEnd::kEndOfStream;
  if (error == ECANCELED) return FlowEnd::kCancelled;
  return flow.send_failed ? FlowEnd::kWriteError : FlowEnd::kReadError;
}

// Sends all of `rest`: 0, or the error. Never a part of Pump: a session waits for data for most of
// its life, and what a send needs would be held as long.
[[gnu::noinline]] core::Task<int> SendBytes(Flow& flow, std::span<const std::byte> rest,
                                            [[maybe_unused]] BufferLease lease = {}) {
  while (!rest.empty()) {
    IoResult<size_t> sent = co_await core::Send(flow.to, rest);
    if (!sent.ok()) co_return sent.error();
    rest = rest.subspan(*sent);
    flow.partial |= !rest.empty();
    NoteSent(flow, *sent);
  }
  co_return 0;
}

// The same, no faster than the flow's limits of bandwidth allow. The time that it waits for them is
// neither a stall nor idle: until the wait ends, progress counts as made later than any timeout.
[[gnu::noinline]] core::Task<int> SendPaced(Flow& flow, BufferLease lease) {
  std::span<const std::byte> rest = lease.bytes();
  Pacer& pacer = flow.owner.PacerOf(flow);
  while (!rest.empty()) {
    const std::span<const std::byte> piece = rest.first(std::min(rest.size(), pacer.piece()));
    const core::Instant now = Worker::Current()->clock().Now();
    const core::Duration wait = pacer.TakeOwn(now, piece.size());
    if (wait > 0s || !pacer.TryTakeShared(now, piece.size())) {
      constexpr core::Duration kLong = 1h;
      flow.sending = false;
      flow.NoteByteAt(now + kLong);
      if (wait == 0s || co_await core::Sleep(wait)) {
        (void)co_await pacer.SharedTurn(piece.size());  // cancelled: so is the send
      }
      NoteReceived(flow);
    }
    rest = rest.subspan(piece.size());
    if (const int error = co_await SendBytes(flow, piece); error != 0) co_return error;
  }
  co_return 0;
}

[[gnu::always_inline]] inline core::Task<int> SendReceived(Flow& flow, BufferLease lease) {
  if (lease.is_reserve()) flow.owner.BuffersShort();
  const std::span<const std::byte> bytes = lease.bytes();
  return flow.paced ? SendPaced(flow, std::move(lease)) : SendBytes(flow, bytes, std::move(lease));
}

// The proxy's own bytes are nothing that the peer has sent.
void NoteHead(Flow& flow, const Head& head) {
  const bool untouched = flow.untouched;
  const bool has_received = head.counted > 0 || !head.read.empty();
  flow.untouched = untouched && has_received;
  NoteReceived(flow);
  if (!has_received) flow.untouched = untouched;
}

// Sends what comes before the stream: 0, or the error; of the sender, if the flow still has a head.
[[gnu::noinline]] core::Task<int> SendHead(Flow& flow) {
  if (flow.owner.WaitsForHead(flow)) {
    const int error = co_await flow.owner.AwaitHead(flow);
    if (error != 0) co_return error;
  }
  Head head = flow.owner.TakeHead(flow);
  flow.has_head = false;
  NoteHead(flow, head);
  std::span<const std::byte> own = std::as_bytes(std::span(head.own));
  while (own.size() > head.counted) {
    IoResult<size_t> sent = co_await core::Send(flow.to, own);
    if (!sent.ok()) co_return sent.error();
    own = own.subspan(*sent);
    flow.NoteByteAt(Worker::Current()->Now());
    if (own.size() < head.counted) NoteSent(flow, head.counted - own.size());
  }
  if (const int error = co_await SendBytes(flow, own); error != 0) co_return error;
  for (BufferLease& lease : head.read) {
    core::Task<int> sending = SendReceived(flow, std::move(lease));
    if (const int error = co_await std::move(sending); error != 0) co_return error;
  }
  co_return 0;
}

// Makes the task that sends what has been received. Returns false if nothing has: at the end of the
// stream, or because of `error`.
[[gnu::noinline]] bool BeginSend(Flow& flow, core::RecvStream& received, core::Task<int>& sending,
                                 int& error) {
  IoResult<BufferLease> got = received.Take();
  if (!got.ok()) error = got.error();
  if (!got.ok() || got->empty()) return false;
  NoteReceived(flow);
  sending = SendReceived(flow, std::move(*got));
  return true;
}

// What was sent last is not to be sent any more.
void NoteSendEnd(Flow& flow, int error) {
  flow.partial = false;
  flow.sending = false;
  flow.send_failed = error != 0 && error != ECANCELED;
}

}  // namespace

// A session waits here for most of its life: what is not needed for that is not in this frame.
core::Task<void> Pump(Flow& flow) {
  core::RecvStream received(flow.from, flow.credit);
  core::Task<int> child;  // what it awaits besides, one at a time
  int error = 0;
  if (flow.has_head) {
    child = SendHead(flow);
    error = co_await std::move(child);
    child = {};
    if (!flow.has_head) NoteSendEnd(flow, error);
  }
  while (error == 0) {
    co_await received.Wait();
    if (!BeginSend(flow, received, child, error)) break;
    error = co_await std::move(child);
    child = {};
    received.NoteSent(!flow.partial);
    NoteSendEnd(flow, error);
  }
  co_await received.Stop();
  if (!flow.owner.FlowEnded(flow, HowEnded(flow, error), error)) co_return;
  child = PeerReset(flow.from, WhenBroken::kEnd);
  if (co_await std::move(child) == 0) flow.owner.ResetAfterEnd(flow);
}

}  // namespace sluice::proxy
