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
  flow.last_byte = worker.now();
  core::Count(flow.stats.of(worker.index()).*flow.counter, bytes);
}

void NoteReceived(Flow& flow) {
  flow.last_byte = Worker::Current()->now();
  flow.sending_since = flow.last_byte;
  flow.owner.SendBegins(flow, flow.last_byte);
}

FlowEnd ErrorEnd(int error, FlowEnd end) { return error == ECANCELED ? FlowEnd::kCancelled : end; }

// Waits for the right to send some of `bytes`, and says how many. That time is no stall.
[[gnu::noinline]] core::Task<size_t> Pace(Flow& flow, size_t bytes) {
  const size_t piece = std::min(bytes, flow.pacer->piece());
  const core::Nanos wait = flow.pacer->Take(Worker::Current()->clock().Now(), piece);
  if (wait > 0) {
    flow.sending_since = 0;
    (void)co_await core::Sleep(wait);
    NoteReceived(flow);
  }
  co_return piece;
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
  FlowEnd end = FlowEnd::kEndOfStream;
  int error = 0;
  while (error == 0) {
    IoResult<BufferLease> lease = co_await received.Next();
    if (!lease.ok()) {
      error = lease.error();
      end = ErrorEnd(error, FlowEnd::kReadError);
      break;
    }
    if (lease->empty()) break;
    NoteReceived(flow);
    size_t allowed = 0;
    for (std::span<const std::byte> rest = lease->bytes(); !rest.empty();) {
      if (flow.pacer == nullptr) {
        allowed = rest.size();
      } else if (allowed == 0) {
        allowed = co_await Pace(flow, rest.size());
      }
      IoResult<size_t> sent = co_await core::Send(flow.to, rest.first(allowed));
      if (!sent.ok()) {
        error = sent.error();
        end = ErrorEnd(error, FlowEnd::kWriteError);
        flow.refused = end == FlowEnd::kWriteError;
        break;
      }
      rest = rest.subspan(*sent);
      allowed -= *sent;
      NoteSent(flow, *sent);
      flow.sending_since = flow.last_byte;
    }
    flow.sending_since = 0;
  }
  co_await received.Stop();
  flow.ended = true;
  if (flow.owner.FlowEnded(flow, end, error)) co_await WatchForReset(flow);
}

}  // namespace sluice::proxy
