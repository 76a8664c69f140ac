// The stage in which the pumps run: what the session does about what they tell, and when it looks
// for progress.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/counter.h"
#include "proxy/identity/proxy_header.h"
#include "proxy/session/peer_watch.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {

using core::Instant;
using core::Worker;

namespace {

constexpr size_t kReadWithHeader = 4096;

}  // namespace

void Session::StartPace() {
  const SessionBandwidth& bandwidth = context().bandwidth;
  if (!bandwidth.limited()) return;
  extras().pace.reset(new Pace{.up = Pacer(bandwidth.per_connection, *bandwidth.up),
                               .down = Pacer(bandwidth.per_connection, *bandwidth.down)});
  up_.paced = down_.paced = true;
}

// The pumps have been made and are not started yet.
void Session::BeginRelay(core::Waiter& pumps) {
  up_.from = down_.to = client_;
  up_.to = down_.from = upstream_;
  const Instant now = Worker::Current()->Now();
  up_.NoteByteAt(now);
  down_.NoteByteAt(now);
  SetStage(SessionStage::kRelay);
  if (timeline_ != nullptr) timeline_->NoteRelay(now);
  StartPace();
  up_.has_head = HasHead();
  LookAgainAt(CheckTimes(now));  // if a deadline has passed already, the pumps end at once
  set_waiter(pumps);
}

bool Session::HasHead() const {
  const bool is_held = identity() != nullptr && !identity()->held.empty();
  return context().upstream->sends_proxy_header() || is_held || routed() != nullptr ||
         WaitsForHead(up_);
}

bool Session::WaitsForHead(const Flow&) const {
  return context().identify != nullptr && context().identify->is_late;
}

// In the order in which they have come: what Identify has taken and is no header, what Route has
// read. Our own header is before that and goes out at once; with what the client has sent already
// it is one segment. (Bandwidth that is limited is not used before it is counted: there the header
// goes alone.)
Head Session::TakeHead(Flow& flow) {
  const bool sends_header = context().upstream->sends_proxy_header();
  Head head;
  if (sends_header) head.own = HeaderToSend();
  const auto append = [&head](std::string_view bytes) {
    head.own += bytes;
    head.counted += bytes.size();
  };
  if (identity() != nullptr) append(std::exchange(extras_->identity->held, {}));
  if (routed() != nullptr) {
    head.read = std::move(extras_->routed->head.read);
    extras_->routed.reset();
  }
  if (flow.paced || !sends_header) return head;
  if (!head.read.empty()) {
    const std::span<const std::byte> first = head.read[0].bytes();
    append({reinterpret_cast<const char*>(first.data()), first.size()});
    head.read.erase(head.read.begin());
    return head;
  }
  std::array<std::byte, kReadWithHeader> bytes;
  const size_t read = CurrentReactor().ReadNow(client_, bytes);
  append({reinterpret_cast<const char*>(bytes.data()), read});
  return head;
}

void Session::SendBegins(Flow& flow, Instant now) {
  if (flow.untouched) FirstBytes(flow, now);
  if (limits().look_every != 0s) LookAgainAt(now + limits().look_every);
  // It may have waited for bandwidth, and the timer with it.
  if (flow.paced) LookAgainAt(CheckTimes(now));
}

// What the client has sent before, or the connection, is what the upstream answers.
void Session::FirstBytes(Flow& flow, Instant now) {
  flow.untouched = false;
  if (timeline_ != nullptr) timeline_->NoteBytes(flow.is_up, now);
  if (flow.is_up) return;
  WorkerStats& stats = context().stats->of(Worker::Current()->index());
  const core::Duration waited = now - up_.LastByteAt();
  if (up_.paced && waited < 0s) return;  // what it has sent still waits for bandwidth
  stats.Observe("first_byte_duration_seconds", waited);
}

void Session::BuffersShort() {
  Worker& worker = *Worker::Current();
  core::Count(context().stats->of(worker.index()).at("short_buffers_total"));
  uint64_t suppressed = 0;
  if (!context().short_throttle->Pass(worker.Now(), suppressed)) return;
  context().logger->Log(
      core::LogLevel::kWarn,
      "buffers are short: data is forwarded in small pieces until slow receivers "
      "have taken theirs (limits.buffer_memory; %d more times since the last line)",
      suppressed);
}

bool Session::FlowEnded(Flow& flow, FlowEnd end, int error) {
  const EndActions actions = end_.On(EventOf(flow, end, error));
  if (IsPassedOnNow(actions.pass_on, flow)) {
    // It fails only if that side is gone.
    if (!CurrentReactor().ShutdownWrite(flow.to).ok()) end_.NotPassedOn(SenderOf(flow));
  }
  if (actions.half_closes) {
    const Instant now = Worker::Current()->Now();
    half_closed_at_ = now;
    SetStage(SessionStage::kHalfClosed);
    if (limits().half_close != 0s) LookAgainAt(now + QuarterOf(limits().half_close));
    if (limits().look_every != 0s) LookAgainAt(now + limits().look_every);
  }
  if (actions.stop) Stop();
  return actions.watch;
}

EndEvent Session::EventOf(const Flow& flow, FlowEnd end, int error) const {
  using Kind = EndEvent::Kind;
  switch (end) {
    case FlowEnd::kCancelled:
      return {.kind = Kind::kCancelled, .sender = SenderOf(flow)};
    case FlowEnd::kWriteError:
      return {.kind = IsGone(flow.to, error) ? Kind::kReceiverGone : Kind::kWriteError,
              .sender = SenderOf(flow),
              .error = error};
    case FlowEnd::kReadError:
      return {.kind = Kind::kReadError, .sender = SenderOf(flow), .error = error};
    case FlowEnd::kEndOfStream:
      break;
  }
  return {.kind = LooksReset(flow) ? Kind::kFalseEndOfStream : Kind::kEndOfStream,
          .sender = SenderOf(flow)};
}

// Whether the connection of `fd`, to which a send has failed with `error`, is gone: it has been
// reset, or the kernel has given it up (ETIMEDOUT, EHOSTUNREACH). A UNIX socket has no such state.
bool Session::IsGone(int fd, int error) {
  return error == EPIPE || error == ECONNRESET ||
         CurrentReactor().GetPeerState(fd) == core::PeerState::kReset;
}

// A send may have consumed the error of a reset; then the read finds a clean end that is none. Only
// a send that is still in flight can have done so unseen. Where the kernel does not say, a reset
// that was none does less harm than a clean end that was none.
bool Session::LooksReset(const Flow& flow) const {
  const Flow& back = flow.is_up ? down_ : up_;
  if (back.send_failed) return true;
  return back.sending && !end_.flow_ended(SenderOf(back)) &&
         CurrentReactor().GetPeerState(flow.from) != core::PeerState::kOpen;
}

// An end of stream can wait for Close unless it would wait there for bytes that are on their way,
// or its reader may have been reset: then this is found now, while it can still be the reason.
bool Session::IsPassedOnNow(EndActions::PassOn pass_on, const Flow& flow) const {
  if (pass_on != EndActions::PassOn::kNowOrAtClose) return pass_on == EndActions::PassOn::kNow;
  const core::Delivery delivery = CurrentReactor().GetDelivery(flow.to);
  if (delivery.pending != 0 && !delivery.kept) return true;
  return CurrentReactor().GetPeerState(flow.to) != core::PeerState::kOpen;
}

// Nothing is read from it any more.
void Session::ResetAfterEnd(Flow& flow) {
  Tell({.kind = EndEvent::Kind::kResetAfterEnd,
        .sender = SenderOf(flow),
        .error = ErrorOfReset(flow.from)});
}

// Notes when the peer has last taken something of what it was sent. The kernel is asked for this
// when a timer fires, so it costs nothing per byte; what was never sent to needs no question.
core::Delivery Session::Look(Flow& flow, Instant now) {
  if (flow.Bytes() == 0 && !flow.sending) return {};
  const core::Delivery delivery = CurrentReactor().GetDelivery(flow.to);
  uint32_t& before = flow.is_up ? taken_up_ : taken_down_;
  const auto taken = static_cast<uint32_t>(delivery.taken);
  if (taken != before) flow.NoteByteAt(std::max(flow.LastByteAt(), now - delivery.quiet_for));
  before = taken;
  return delivery;
}

// Returns true if there may be more to see soon.
bool Session::LookForProgress(Instant now) {
  const bool up = Look(up_, now).pending > 0 || up_.sending;
  const bool down = Look(down_, now).pending > 0 || down_.sending;
  return up || down;
}

// Ends the session if a deadline has passed. Returns when to look again; none: not at all.
core::OptionalInstant Session::CheckTimes(Instant now) {
  const bool may_progress = connected() && LookForProgress(now);
  const NextDeadline next =
      CheckDeadlines(limits(),
                     {.expires_at = ExpiryOf(limits(), started_at_, Seed()),
                      .connected = connected(),
                      .may_progress = may_progress,
                      .half_closed_at = half_closed_at_,
                      .up = {.last_byte_at = up_.LastByteAt(), .sending = up_.sending},
                      .down = {.last_byte_at = down_.LastByteAt(), .sending = down_.sending}},
                     now);
  if (next.passed) Tell({.kind = EndEvent::Kind::kDeadline, .cause = *next.passed});
  return next.at;
}

}  // namespace sluice::proxy
