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

EndActions SessionEnd::On(const EndEvent& event) {
  using Kind = EndEvent::Kind;
  const Initiator receiver = OtherOf(event.sender);
  NoteError(event.error);
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
    case Kind::kWriteError: {
      flows_ended_ |= Bit(event.sender);
      // What the receiver sent before it broke may still be waiting to be read: the other flow goes
      // on until it finds the reset. After any other error there may never be one to find.
      const bool is_gone = event.error == EPIPE || event.error == ECONNRESET;
      if (is_gone && !flow_ended(receiver)) return {};
      return {.stop = End(receiver, EndCause::kReset)};
    }
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

void SessionEnd::NotPassedOn(Initiator sender, int error) {
  passed_on_ &= static_cast<uint8_t>(~Bit(sender) & 3);
  const EndReason closed = {.initiator = sender, .cause = EndCause::kClosed};
  if (!close_after_fin_ || !ended_ || reason_ != closed) return;
  reason_ = {.initiator = OtherOf(sender), .cause = EndCause::kReset};
  NoteError(error);
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
