#include "proxy/session/session_end.h"

#include <cerrno>

namespace sluice::proxy {

// Returns true if this is what ends the session: the first cause wins.
bool SessionEnd::End(Initiator initiator, EndCause cause) {
  if (ended_) return false;
  ended_ = true;
  reason_ = {.initiator = initiator, .cause = cause};
  return true;
}

// What comes while a side is broken ends the session: a read of that side, which says why, or a
// send to the other one. After a reset the other side's error is none of it.
void SessionEnd::NoteError(Initiator side, int error) {
  if (error == 0) return;
  const bool is_anothers = reason_.cause == EndCause::kReset && side != reason_.initiator;
  if (!ended_ || (error_ == 0 && !is_anothers)) error_ = error;
}

EndActions SessionEnd::On(const EndEvent& event) {
  using Kind = EndEvent::Kind;
  const Initiator receiver = OtherOf(event.sender);
  const bool is_send = event.kind == Kind::kReceiverGone || event.kind == Kind::kWriteError;
  NoteError(is_send ? receiver : event.sender, event.error);
  switch (event.kind) {
    case Kind::kClientReset:
      (void)End(Initiator::kClient, EndCause::kReset);
      return {};
    case Kind::kNoUpstream:
      (void)End(Initiator::kProxy, EndCause::kNoUpstream);
      return {};
    case Kind::kQueueTimeout:
      (void)End(Initiator::kProxy, EndCause::kQueueTimeout);
      return {};
    case Kind::kHeader:
      return {.stop = End(Initiator::kClient, EndCause::kProxyProtocolError)};
    case Kind::kEndOfStream: {
      const EndActions actions = OnEndOfStream(event.sender);
      if (actions.pass_on != EndActions::PassOn::kNo) passed_on_ |= Bit(event.sender);
      return actions;
    }
    case Kind::kFalseEndOfStream:
    case Kind::kReadError:
      flows_ended_ |= Bit(event.sender);
      return {.stop = End(event.sender, EndCause::kReset)};
    case Kind::kReceiverGone:
      flows_ended_ |= Bit(event.sender);
      // What the receiver sent before it broke may still be waiting to be read: the other flow goes
      // on until it finds the reset.
      if (!flow_ended(receiver)) return {};
      return {.stop = End(receiver, EndCause::kReset)};
    case Kind::kWriteError:  // there may never be a reset to find
      flows_ended_ |= Bit(event.sender);
      return {.stop = End(receiver, EndCause::kReset)};
    case Kind::kCancelled:
      flows_ended_ |= Bit(event.sender);
      return {};
    case Kind::kResetAfterEnd:
      return {.stop = End(event.sender, EndCause::kReset)};
    case Kind::kDeadline:
      return {.stop = End(Initiator::kProxy, event.cause)};
    case Kind::kShutdown:
      return {.stop = End(Initiator::kProxy, EndCause::kShutdown)};
    case Kind::kKill:
      return {.stop = End(event.sender, event.cause)};
  }
  return {};
}

EndActions SessionEnd::OnEndOfStream(Initiator sender) {
  using PassOn = EndActions::PassOn;
  flows_ended_ |= Bit(sender);
  if (flow_ended(OtherOf(sender))) {
    // The close that follows sends this FIN, unless it has to wait for a flush.
    return {.pass_on = close_after_fin_ ? PassOn::kNow : PassOn::kNo,
            .stop = End(first_fin_, EndCause::kClosed)};
  }
  half_closed_ = true;
  first_fin_ = sender;
  if (!close_after_fin_) {
    return {.pass_on = PassOn::kNow, .half_closes = true, .watch = !ended_};
  }
  // The upstream learns nothing about free slots from an end.
  const bool to_client = sender == Initiator::kUpstream;
  return {.pass_on = to_client ? PassOn::kNowOrAtClose : PassOn::kNow,
          .half_closes = true,
          .stop = End(sender, EndCause::kClosed)};
}

// What broke the connection is not asked for: its own flow, though cancelled, may still read, and
// would take the end for a clean one.
void SessionEnd::NotPassedOn(Initiator sender) {
  passed_on_ &= static_cast<uint8_t>(~Bit(sender) & 3);
  NotDelivered(sender, ECONNRESET);
}

void SessionEnd::NotDelivered(Initiator sender, int error) {
  const EndReason closed = {.initiator = sender, .cause = EndCause::kClosed};
  if (!close_after_fin_ || !ended_ || reason_ != closed) return;
  reason_ = {.initiator = OtherOf(sender), .cause = EndCause::kReset};
  NoteError(OtherOf(sender), error);
}

bool SessionEnd::NeedsFlush() const {
  switch (reason_.cause) {
    case EndCause::kReset:
    case EndCause::kWriteStall:
    case EndCause::kMaxLifetime:
      return true;
    case EndCause::kClosed:
      return close_after_fin_;
    default:
      return false;
  }
}

bool SessionEnd::NeedsFlush(Initiator sender, bool moves) const {
  switch (reason_.cause) {
    case EndCause::kReset:
      return sender == reason_.initiator;
    case EndCause::kClosed:
      return sender == first_fin_;
    case EndCause::kWriteStall:  // the other direction
      return moves;
    default:
      return true;
  }
}

}  // namespace sluice::proxy
