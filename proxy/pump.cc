#include "proxy/pump.h"

#include <cerrno>
#include <span>

#include "core/io.h"
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
    for (std::span<const std::byte> rest = lease->bytes(); !rest.empty();) {
      IoResult<size_t> sent = co_await core::Send(flow.to, rest);
      if (!sent.ok()) {
        error = sent.error();
        end = ErrorEnd(error, FlowEnd::kWriteError);
        break;
      }
      rest = rest.subspan(*sent);
      NoteSent(flow, *sent);
      flow.sending_since = flow.last_byte;
    }
    flow.sending_since = 0;
  }
  co_await received.Stop();
  flow.ended = true;
  flow.owner.FlowEnded(flow, end, error);
}

}  // namespace sluice::proxy
