// SessionEnd: decides how a session ends. Each event that may end it goes in; what has to be done
// comes out, and at the end the reason. Pure: it knows no descriptor, no clock and allocates
// nothing.
//
//        ┌────────── end of stream of one flow: pass it on; half-close begins ──────┐
//        │                                                                          ▼
//      OPEN ── a send failed: the peer is gone ──► BROKEN                     HALF-CLOSED
//        │         (what that peer had sent           │ the other flow             │  │
//        │          before is still relayed)          │ finds the reset            │  │ end of
//        │                                            │                            │  │ stream of
//        └─ no upstream, reset, deadline, shutdown ───┴──────────┬─────────────────┘  │ the other
//                                                                ▼                    │ flow
//                                                              ENDED ◄── closed ──────┘
//
//   with half_close: close the first end of stream leads to ENDED at once: closed; or reset, if the
//   receiver's connection turns out to be gone when it is passed on
//
// Invariants
//   I1  The first cause wins: the reason never changes once the session has ended, but for the end
//       of stream that could not be passed on, or delivered where it ends the session: then the
//       receiver's reset was before it.
//   I2  The error is the last one that was found before the end: that of the side which the reason
//       names, if it names one that has broken. If there was none, the first one after the end,
//       but after a reset only of that side.
//   I3  Only kClosed ends both connections cleanly: a peer is shown a clean end only if its partner
//       ended cleanly.
//
// A flow is named by its sender: kClient for the bytes from the client to the upstream.
// Checked by: tests/proxy/session/session_end_test.cc.
#ifndef SLUICE_PROXY_SESSION_SESSION_END_H_
#define SLUICE_PROXY_SESSION_SESSION_END_H_

#include <cerrno>
#include <cstdint>

#include "proxy/observe/end_reason.h"

namespace sluice::proxy {

struct EndEvent {
  enum class Kind : uint8_t {
    // While the session is connecting; nothing of it runs any more when they are told.
    kClientReset,   // before there was an upstream connection
    kNoUpstream,    // no endpoint could be reached
    kQueueTimeout,  // no endpoint had a free slot in time
    // The client's PROXY header is missing or wrong.
    kHeader,
    // A flow has ended.
    kEndOfStream,       // everything has been sent on
    kFalseEndOfStream,  // the same, but the sender's connection has been reset: its FIN is not one
    kReadError,         // everything received before has been sent on
    kReceiverGone,      // a send has found that the receiver's connection is gone
    kWriteError,        // a send has failed otherwise
    kCancelled,
    // After the end of a flow its sender has reset its connection.
    kResetAfterEnd,
    // From outside.
    kDeadline,  // `cause` says which
    kShutdown,
    kKill,  // `cause` says why, and `sender` who wants it
  };
  Kind kind;
  Initiator sender = Initiator::kProxy;  // of a flow's events: which flow
  int error = 0;                         // errno, where there is one
  EndCause cause = EndCause::kClosed;    // kDeadline's and kKill's
};

// What the session has to do because of an event.
struct EndActions {
  enum class PassOn : uint8_t {
    kNo,
    kNow,  // shut down the sending side of the receiver's connection
    // The same, unless Close can show the client this end: then it is shown it only when its slots
    // are free, and it may connect again at once.
    kNowOrAtClose,
  };
  PassOn pass_on = PassOn::kNo;
  bool half_closes = false;  // half-close begins now: its deadline has to be watched
  bool watch = false;        // the sender may still be reset: watch its connection
  bool stop = false;         // this event ends the session: cancel what still runs

  friend bool operator==(const EndActions&, const EndActions&) = default;
};

class SessionEnd {
 public:
  // `close_after_fin`: half_close: close.
  explicit SessionEnd(bool close_after_fin) : close_after_fin_(close_after_fin) {}

  EndActions On(const EndEvent& event);

  // Before there is an upstream connection: the session goes on with other settings.
  void set_close_after_fin(bool close_after_fin) { close_after_fin_ = close_after_fin; }

  bool ended() const { return ended_; }
  EndReason reason() const { return reason_; }  // once it has ended
  int error() const { return error_; }          // errno of what broke (I2); 0: nothing did

  bool flow_ended(Initiator sender) const { return (flows_ended_ & Bit(sender)) != 0; }
  // Of this flow an end of stream was to be passed on before the close.
  bool passed_on(Initiator sender) const { return (passed_on_ & Bit(sender)) != 0; }

  // Its reader was gone by then. In HALF-CLOSED the reader's own flow tells of it; where this end
  // of stream was to end the session, nothing else would.
  void NotPassedOn(Initiator sender);
  // Its reader's connection has broken before it had taken all that came before this end of stream,
  // which was to end the session: its sender is not to believe that it has arrived.
  void NotDelivered(Initiator sender, int error);

  // The end as the peers are to see it. Once it has ended.
  bool is_clean() const { return reason_.cause == EndCause::kClosed; }
  // Whether the close could drop bytes that their reader still takes. Not at the end of
  // drain_timeout, which waits for no reader, and not after a timeout that no progress has stopped:
  // then there is no such reader.
  bool NeedsFlush() const;
  // Whether that holds for this flow. `moves`: its reader has taken something within write_stall.
  bool NeedsFlush(Initiator sender, bool moves) const;
  // While the upstream's side is flushed the client may be closed. Not when it could take that end
  // for a free slot.
  bool ClosesClientEarly() const {
    return reason_.cause != EndCause::kClosed && reason_.cause != EndCause::kMaxLifetime;
  }

 private:
  static constexpr uint8_t Bit(Initiator sender) { return sender == Initiator::kClient ? 1 : 2; }
  static constexpr Initiator OtherOf(Initiator side) {
    return side == Initiator::kClient ? Initiator::kUpstream : Initiator::kClient;
  }

  bool End(Initiator initiator, EndCause cause);
  EndActions OnEndOfStream(Initiator sender);
  void NoteError(Initiator side, int error);

  EndReason reason_;
  Initiator first_fin_ = Initiator::kClient;
  // Bits: a session holds them for as long as it lives.
  uint8_t flows_ended_ : 2 = 0;
  uint8_t passed_on_ : 2 = 0;
  bool half_closed_ : 1 = false;
  bool ended_ : 1 = false;
  bool close_after_fin_ : 1;
  int error_ = 0;
};
static_assert(sizeof(SessionEnd) == 8);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_END_H_
