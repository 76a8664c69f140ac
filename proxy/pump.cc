#include "proxy/pump.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include "core/io.h"
#include "core/sleep.h"
#include "core/worker.h"

namespace sluice::proxy {
namespace {

using core::BufferLease;
using core::IoResult;
using core::Worker;

// Note: the worker may be another one after every co_await.
void NoteSent(Flow& flow, size_t bytes) {
  Worker& worker = *Worker::Current();
  flow.bytes += bytes;
  flow.last_byte = flow.sending_since = worker.now();
  core::Count(flow.owner.stats().of(worker.index()).*flow.counter(), bytes);
}

void NoteReceived(Flow& flow) {
  flow.last_byte = Worker::Current()->now();
  flow.sending_since = flow.last_byte;
  flow.owner.SendBegins(flow, flow.last_byte);
}

FlowEnd HowEnded(const Flow& flow, int error) {
  if (error == 0) return FlowEnd::kEndOfStream;
  if (error == ECANCELED) return FlowEnd::kCancelled;
  return flow.refused ? FlowEnd::kWriteError : FlowEnd::kReadError;
}

// Sends at the pace that the flow's limits of bandwidth leave it: 0, or the error. The time that it
// waits for them is neither a stall nor idle: the wait counts as ended already.
[[gnu::noinline]] core::Task<int> SendPaced(Flow& flow, std::span<const std::byte> rest) {
  while (!rest.empty()) {
    std::span<const std::byte> piece = rest.first(std::min(rest.size(), flow.pacer->piece()));
    const core::Nanos now = Worker::Current()->clock().Now();
    const core::Nanos wait = flow.pacer->Take(now, piece.size());
    if (wait > 0) {
      flow.sending_since = 0;
      flow.last_byte = now + wait;
      if (!co_await core::Sleep(wait)) flow.pacer->GiveBack(piece.size());
      NoteReceived(flow);
    }
    rest = rest.subspan(piece.size());
    while (!piece.empty()) {
      IoResult<size_t> sent = co_await core::Send(flow.to, piece);
      if (!sent.ok()) co_return sent.error();
      piece = piece.subspan(*sent);
      NoteSent(flow, *sent);
    }
  }
  co_return 0;
}

// Most sessions end soon after the first end of stream; only then is it worth watching.
[[gnu::noinline]] core::Task<void> WatchForReset(Flow& flow) {
  constexpr core::Nanos kWatchAfter = 20 * core::kMillisecond;
  if (!co_await core::Sleep(kWatchAfter)) co_return;
  IoResult<uint32_t> broken = co_await core::Poll(flow.from, 0);
  if (broken.ok()) flow.owner.ResetAfterEnd(flow);
}

}  // namespace

core::Task<void> Pump(Flow& flow) {
  core::RecvStream received(flow.from, flow.credit);
  int error = 0;
  while (error == 0) {
    BufferLease lease;
    if (IoResult<BufferLease> got = co_await received.Next(); got.ok()) {
      lease = std::move(*got);
    } else {
      error = got.error();
    }
    if (lease.empty()) break;
    NoteReceived(flow);
    if (flow.pacer != nullptr) {
      error = co_await SendPaced(flow, lease.bytes());
    } else {
      for (uint32_t sent = 0; sent < lease.bytes().size() && error == 0;) {
        IoResult<size_t> taken = co_await core::Send(flow.to, lease.bytes().subspan(sent));
        if (taken.ok()) {
          sent += static_cast<uint32_t>(*taken);
          NoteSent(flow, *taken);
        } else {
          error = taken.error();
        }
      }
    }
    flow.sending_since = 0;
    flow.refused = error != 0 && error != ECANCELED;
  }
  co_await received.Stop();
  flow.ended = true;
  if (flow.owner.FlowEnded(flow, HowEnded(flow, error), error)) co_await WatchForReset(flow);
}

}  // namespace sluice::proxy
