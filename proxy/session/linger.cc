// The end of a session: Flush gives a peer that still takes what was sent to it the time for that,
// and Close shows both peers the end.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/counter.h"
#include "core/time/sleep.h"
#include "proxy/session/peer_watch.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using core::Worker;

// After the end of a session: how long its reader has to take something of what was sent before.
constexpr Duration kGrace = 1s;
// Between two looks at what the kernel still holds.
constexpr Duration kShortPauses = 50ms;
constexpr Duration kLongPauses = 250ms;

}  // namespace

bool Session::NeedsFlush(const Flow& flow, Instant now) const {
  return end_.NeedsFlush(SenderOf(flow), Moves(limits(), flow.LastByteAt(), now));
}

bool Session::StillTakes(Flow& flow, Instant begun_at, Instant now) {
  const core::Delivery delivery = Look(flow, now);
  if (delivery.pending == 0 || delivery.kept) return false;
  if (delivery.is_lost) {
    // Its sender can still be told; nothing is read from the reader any more.
    const int sender = flow.is_up ? client_ : upstream_;
    if (sender >= 0) end_.NotDelivered(SenderOf(flow), ErrorOfReset(flow.to));
    return false;
  }
  return now < std::max(begun_at, flow.LastByteAt()) + kGrace;
}

// The time of the endpoint that it is still connected to is over: a reload has removed it.
bool Session::EndpointIsLate() const {
  if (!slot_.valid()) return false;
  const core::CancellationSource* const end_of_sessions = slot_.endpoint().end_of_sessions();
  return end_of_sessions != nullptr && end_of_sessions->cancelled();
}

// Waits, within bounds, until each peer that may take more has it all. The others are closed
// meanwhile, but for a client that could take its end for a free slot.
core::Task<void> Session::Flush() {
  SetStage(SessionStage::kFlush);
  const Instant begun_at = Worker::Current()->clock().Now();
  bool up = NeedsFlush(up_, begun_at);
  bool down = NeedsFlush(down_, begun_at);
  // It may be in the future when the session is paced.
  up_.NoteByteAt(begun_at);
  down_.NoteByteAt(begun_at);
  Instant now = begun_at;
  for (Duration pause = 1ms;; pause *= 2) {
    up = up && StillTakes(up_, begun_at, now);
    down = down && StillTakes(down_, begun_at, now);
    if (!up && !down) break;
    if (!up && upstream_ >= 0) CloseUpstream();
    if (!down && client_ >= 0 && end_.ClosesClientEarly()) CloseClient();
    if (is_killed_ || context().end_all.cancelled() || EndpointIsLate()) break;
    pause = std::min(pause, now < begun_at + kGrace ? kShortPauses : kLongPauses);
    if (!co_await core::Sleep(pause)) break;
    now = Worker::Current()->clock().Now();
    if (limits().linger != 0s && now >= begun_at + limits().linger) break;
  }
}

// An end that is not the endpoint's says nothing, and neither does one for want of memory here.
void Session::TellHealth() {
  UpstreamHealth& health = *context().upstream->passive_health();
  if (!down_.untouched) return health.OnAnswered(slot_.endpoint());
  const EndReason reset = {.initiator = Initiator::kUpstream, .cause = EndCause::kReset};
  if (end_.reason() != reset || end_.error() == ENOMEM || end_.error() == ENOBUFS) return;
  health.OnFailure(slot_.endpoint(), Outlier::Failure::kReset,
                   "it reset a connection before the first byte of an answer",
                   core::Worker::Current()->clock().Now(), *context().events);
}

// Releases the slots before the end is logged, and before the client sees it: a client that learns
// of the end may connect again at once.
void Session::Close(Ticket& ticket) {
  if (upstream_ >= 0) CloseUpstream();
  CountEnd();
  ticket = Ticket();
  if (client_ >= 0) CloseClient();
}

void Session::CountEnd() {
  Worker& worker = *Worker::Current();
  WorkerStats& stats = context().stats->of(worker.index());
  stats.Observe("session_duration_seconds", worker.Now() - started_at_);
  core::Count(stats.at("session_ends_total", end_.reason().initiator, end_.reason().cause));
}

void Session::CloseUpstream() {
  core::Reactor& reactor = CurrentReactor();
  NoteUndelivered(up_);
  if (!end_.is_clean()) reactor.SetResetOnClose(upstream_);
  if (context().upstream->passive_health() != nullptr && slot_.valid()) TellHealth();
  const int fd = upstream_;
  EndpointSlot slot;  // goes after the close
  Change([&] {
    upstream_ = -1;
    slot = std::move(slot_);
  });
  if (slot.counted()) {
    reactor.CloseNow(fd);
  } else {
    reactor.Close(fd);
  }
}

void Session::CloseClient() {
  core::Reactor& reactor = CurrentReactor();
  NoteUndelivered(down_);
  if (!end_.is_clean()) {
    reactor.SetResetOnClose(client_);
  } else if (context().close_after_fin) {
    // What it still sends turns the close into a reset: the end of stream goes first.
    (void)reactor.ShutdownWrite(client_);
  }
  const int fd = client_;
  Change([this] { client_ = -1; });
  reactor.Close(fd);
}

// Of what was accepted for this direction, what its reader had not acknowledged when it was reset.
void Session::NoteUndelivered(const Flow& flow) {
  if (timeline_ == nullptr || flow.to < 0) return;
  core::Reactor& reactor = CurrentReactor();
  const core::Delivery delivery = reactor.GetDelivery(flow.to);
  if (delivery.pending == 0 || delivery.kept) return;
  if (end_.is_clean() && !delivery.is_lost && reactor.UnreadBytes(flow.to) == 0) return;
  const uint64_t end_of_stream = end_.passed_on(SenderOf(flow)) ? 1 : 0;
  timeline_->NoteUndelivered(flow.is_up, static_cast<uint32_t>(std::min<uint64_t>(
                                             delivery.pending - end_of_stream, flow.Bytes())));
}

}  // namespace sluice::proxy
