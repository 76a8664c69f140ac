#include "proxy/session/pump.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "core/io/io.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

using core::BufferLease;
using core::IoResult;
using core::Worker;

// Note: the worker may be another one after every co_await.
void NoteSent(Flow& flow, size_t bytes) {
  Worker& worker = *Worker::Current();
  flow.bytes += bytes;
  flow.last_byte = worker.now();
  core::Count(flow.owner.stats().of(worker.index()).*flow.counter(), bytes);
}

void NoteReceived(Flow& flow) {
  flow.last_byte = Worker::Current()->now();
  flow.sending = true;
  flow.owner.SendBegins(flow, flow.last_byte);
}

FlowEnd HowEnded(const Flow& flow, int error) {
  if (error == 0) return FlowEnd::kEndOfStream;
  if (error == ECANCELED) return FlowEnd::kCancelled;
  return flow.refused ? FlowEnd::kWriteError : FlowEnd::kReadError;
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

// The same, at the pace that the flow's limits of bandwidth leave it. The time that it waits for
// them is neither a stall nor idle: until the wait ends it counts as ending later than any timeout.
[[gnu::noinline]] core::Task<int> SendPaced(Flow& flow, BufferLease lease) {
  std::span<const std::byte> rest = lease.bytes();
  Pacer& pacer = flow.owner.PacerOf(flow);
  while (!rest.empty()) {
    const std::span<const std::byte> piece = rest.first(std::min(rest.size(), pacer.piece()));
    const core::Nanos now = Worker::Current()->clock().Now();
    const core::Nanos wait = pacer.TakeOwn(now, piece.size());
    if (wait > 0 || !pacer.TryTakeShared(now, piece.size())) {
      constexpr core::Nanos kLong = 3600 * core::kSecond;
      flow.sending = false;
      flow.last_byte = now + kLong;
      if (wait == 0 || co_await core::Sleep(wait)) {
        (void)co_await pacer.SharedTurn(piece.size());  // cancelled: so is the send
      }
      NoteReceived(flow);
    }
    rest = rest.subspan(piece.size());
    if (const int error = co_await SendBytes(flow, piece); error != 0) co_return error;
  }
  co_return 0;
}

// Makes the task that sends what has been received. False: nothing has; 0 or an error is why.
[[gnu::noinline]] bool BeginSend(Flow& flow, core::RecvStream& received, core::Task<int>& sending,
                                 int& error) {
  IoResult<BufferLease> got = received.Take();
  if (!got.ok()) error = got.error();
  if (!got.ok() || got->empty()) return false;
  NoteReceived(flow);
  if (got->is_reserve()) flow.owner.BuffersShort();
  const std::span<const std::byte> bytes = got->bytes();
  sending = flow.paced ? SendPaced(flow, std::move(*got)) : SendBytes(flow, bytes, std::move(*got));
  return true;
}

// Most sessions end soon after the first end of stream; only then is it worth watching.
[[gnu::noinline]] core::Task<int> WatchForReset(Flow& flow) {
  constexpr core::Nanos kWatchAfter = 20 * core::kMillisecond;
  if (!co_await core::Sleep(kWatchAfter)) co_return ECANCELED;
  IoResult<uint32_t> broken = co_await core::Poll(flow.from, 0);
  if (!broken.ok()) co_return broken.error();
  flow.owner.ResetAfterEnd(flow);
  co_return 0;
}

}  // namespace

// A session waits here for most of its life: what is not needed for that is not in this frame.
core::Task<void> Pump(Flow& flow) {
  core::RecvStream received(flow.from, flow.credit);
  core::Task<int> child;  // what it awaits else, one at a time
  int error = 0;
  while (error == 0) {
    co_await received.Wait();
    if (!BeginSend(flow, received, child, error)) break;
    error = co_await std::move(child);
    child = {};
    received.NoteSent(!flow.partial);
    flow.partial = false;
    flow.sending = false;
    flow.refused = error != 0 && error != ECANCELED;
  }
  co_await received.Stop();
  flow.ended = true;
  if (!flow.owner.FlowEnded(flow, HowEnded(flow, error), error)) co_return;
  child = WatchForReset(flow);
  (void)co_await std::move(child);
}

}  // namespace sluice::proxy
