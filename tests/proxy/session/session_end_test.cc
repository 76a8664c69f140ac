// SessionEnd by its truth table: every event, every pair of events in both orders, and what the end
// looks like to the peers.
//
// A row is written for one side; its mirror image, with client and upstream exchanged, has to hold
// as well. Only half_close: close treats the sides differently, and has its own rows.
#include "proxy/session/session_end.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

using Kind = EndEvent::Kind;

constexpr Initiator kC = Initiator::kClient;
constexpr Initiator kU = Initiator::kUpstream;

// What happens, as the rows call it. "C is gone", "C was reset", "C has vanished" and "C fails" are
// failed sends to the client: it is the flow from the upstream that ends.
const std::map<std::string, EndEvent> kEvents = {
    {"C ends", {.kind = Kind::kEndOfStream, .sender = kC}},
    {"C ends falsely", {.kind = Kind::kFalseEndOfStream, .sender = kC}},
    {"C breaks", {.kind = Kind::kReadError, .sender = kC, .error = ECONNRESET}},
    {"C is gone", {.kind = Kind::kReceiverGone, .sender = kU, .error = EPIPE}},
    {"C was reset", {.kind = Kind::kReceiverGone, .sender = kU, .error = ECONNRESET}},
    {"C has vanished", {.kind = Kind::kReceiverGone, .sender = kU, .error = ETIMEDOUT}},
    {"C fails", {.kind = Kind::kWriteError, .sender = kU, .error = ENOBUFS}},
    {"C is cancelled", {.kind = Kind::kCancelled, .sender = kC}},
    {"C resets", {.kind = Kind::kResetAfterEnd, .sender = kC, .error = ECONNRESET}},
    {"U ends", {.kind = Kind::kEndOfStream, .sender = kU}},
    {"U ends falsely", {.kind = Kind::kFalseEndOfStream, .sender = kU}},
    {"U breaks", {.kind = Kind::kReadError, .sender = kU, .error = ECONNRESET}},
    {"U is gone", {.kind = Kind::kReceiverGone, .sender = kC, .error = EPIPE}},
    {"U was reset", {.kind = Kind::kReceiverGone, .sender = kC, .error = ECONNRESET}},
    {"U has vanished", {.kind = Kind::kReceiverGone, .sender = kC, .error = ETIMEDOUT}},
    {"U fails", {.kind = Kind::kWriteError, .sender = kC, .error = ENOBUFS}},
    {"U is cancelled", {.kind = Kind::kCancelled, .sender = kU}},
    {"U resets", {.kind = Kind::kResetAfterEnd, .sender = kU, .error = ECONNRESET}},
    {"header", {.kind = Kind::kHeader}},
    {"deadline", {.kind = Kind::kDeadline, .cause = EndCause::kIdleTimeout}},
    {"shutdown", {.kind = Kind::kShutdown}},
    {"kill", {.kind = Kind::kKill, .sender = Initiator::kAdmin, .cause = EndCause::kKilled}},
};
const std::map<std::string, EndEvent> kConnectingEvents = {
    {"client reset", {.kind = Kind::kClientReset, .error = ECONNRESET}},
    {"no upstream", {.kind = Kind::kNoUpstream, .error = ECONNREFUSED}},
    {"queue timeout", {.kind = Kind::kQueueTimeout}},
    {"header", {.kind = Kind::kHeader}},
    {"deadline", {.kind = Kind::kDeadline, .cause = EndCause::kMaxLifetime}},
    {"shutdown", {.kind = Kind::kShutdown}},
    {"kill", {.kind = Kind::kKill, .sender = Initiator::kAdmin, .cause = EndCause::kKilled}},
};

struct Row {
  std::string first;
  std::string second;  // empty: the first alone
  std::string result;  // reason, error, and what is to be done about the last of them
};

const std::vector<Row> kRows = {
    {"C ends", "", "open: pass_on half_closes watch"},
    {"C ends falsely", "", "client/reset: stop"},
    {"C breaks", "", "client/reset ECONNRESET: stop"},
    {"C is gone", "", "open EPIPE:"},
    {"C was reset", "", "open ECONNRESET:"},
    {"C has vanished", "", "open ETIMEDOUT:"},
    {"C fails", "", "client/reset ENOBUFS: stop"},
    {"header", "", "client/proxy_protocol_error: stop"},
    {"deadline", "", "proxy/idle_timeout: stop"},
    {"shutdown", "", "proxy/shutdown: stop"},
    {"kill", "", "admin/killed: stop"},

    // One direction has ended.
    {"C ends", "U ends", "client/closed: stop"},
    {"C ends", "U ends falsely", "upstream/reset: stop"},
    {"C ends", "U breaks", "upstream/reset ECONNRESET: stop"},
    {"C ends", "C is gone", "client/reset EPIPE: stop"},
    {"C ends", "C was reset", "client/reset ECONNRESET: stop"},
    {"C ends", "C has vanished", "client/reset ETIMEDOUT: stop"},
    {"C ends", "C fails", "client/reset ENOBUFS: stop"},
    {"C ends", "C resets", "client/reset ECONNRESET: stop"},
    {"C ends", "header", "client/proxy_protocol_error: stop"},
    {"C ends", "deadline", "proxy/idle_timeout: stop"},
    {"C ends", "shutdown", "proxy/shutdown: stop"},
    {"C ends", "kill", "admin/killed: stop"},

    // The client is gone, and what it sent before is still being relayed.
    {"C is gone", "C ends falsely", "client/reset EPIPE: stop"},
    {"C is gone", "C breaks", "client/reset ECONNRESET: stop"},
    {"C is gone", "U is gone", "upstream/reset EPIPE: stop"},
    {"C is gone", "U was reset", "upstream/reset ECONNRESET: stop"},
    {"C is gone", "U has vanished", "upstream/reset ETIMEDOUT: stop"},
    {"C is gone", "U fails", "upstream/reset ENOBUFS: stop"},
    {"C is gone", "header", "client/proxy_protocol_error EPIPE: stop"},
    {"C is gone", "deadline", "proxy/idle_timeout EPIPE: stop"},
    {"C is gone", "shutdown", "proxy/shutdown EPIPE: stop"},
    {"C is gone", "kill", "admin/killed EPIPE: stop"},

    // The same, and the send has found why. An end by the other side has that side's error.
    {"C was reset", "C ends falsely", "client/reset ECONNRESET: stop"},
    {"C was reset", "C breaks", "client/reset ECONNRESET: stop"},
    {"C was reset", "U is gone", "upstream/reset EPIPE: stop"},
    {"C was reset", "U was reset", "upstream/reset ECONNRESET: stop"},
    {"C was reset", "U has vanished", "upstream/reset ETIMEDOUT: stop"},
    {"C was reset", "U fails", "upstream/reset ENOBUFS: stop"},
    {"C was reset", "header", "client/proxy_protocol_error ECONNRESET: stop"},
    {"C was reset", "deadline", "proxy/idle_timeout ECONNRESET: stop"},
    {"C was reset", "shutdown", "proxy/shutdown ECONNRESET: stop"},
    {"C was reset", "kill", "admin/killed ECONNRESET: stop"},
    {"C has vanished", "C ends falsely", "client/reset ETIMEDOUT: stop"},
    {"C has vanished", "C breaks", "client/reset ECONNRESET: stop"},
    {"C has vanished", "U is gone", "upstream/reset EPIPE: stop"},
    {"C has vanished", "U was reset", "upstream/reset ECONNRESET: stop"},
    {"C has vanished", "U has vanished", "upstream/reset ETIMEDOUT: stop"},
    {"C has vanished", "U fails", "upstream/reset ENOBUFS: stop"},
    {"C has vanished", "header", "client/proxy_protocol_error ETIMEDOUT: stop"},
    {"C has vanished", "deadline", "proxy/idle_timeout ETIMEDOUT: stop"},
    {"C has vanished", "shutdown", "proxy/shutdown ETIMEDOUT: stop"},
    {"C has vanished", "kill", "admin/killed ETIMEDOUT: stop"},
};

const std::vector<Row> kCloseAfterFinRows = {
    {"C ends", "", "client/closed: pass_on half_closes stop"},
    {"U ends", "", "upstream/closed: at_close half_closes stop"},
    {"C ends", "U ends", "client/closed: pass_on"},
    {"U ends", "C ends", "upstream/closed: pass_on"},
    {"C ends", "U breaks", "client/closed ECONNRESET:"},
    {"U ends", "C is gone", "upstream/closed EPIPE:"},
    {"C breaks", "U ends", "client/reset ECONNRESET: pass_on"},
    {"deadline", "U ends", "proxy/idle_timeout: at_close half_closes"},
};

const std::vector<Row> kConnectingRows = {
    {"client reset", "", "client/reset ECONNRESET:"},
    {"no upstream", "", "proxy/no_upstream ECONNREFUSED:"},
    {"queue timeout", "", "proxy/queue_timeout:"},
    {"header", "", "client/proxy_protocol_error: stop"},
    {"deadline", "", "proxy/max_lifetime: stop"},
    {"shutdown", "", "proxy/shutdown: stop"},
    {"kill", "", "admin/killed: stop"},
};

std::string ReasonOf(const SessionEnd& end) {
  if (!end.ended()) return "open";
  return std::string(Name(end.reason().initiator)) + "/" + std::string(Name(end.reason().cause));
}

std::string TextOf(const SessionEnd& end, const EndActions& actions) {
  std::string text = ReasonOf(end);
  if (end.error() != 0) text += std::string(" ") + strerrorname_np(end.error());
  text += ":";
  if (actions.pass_on == EndActions::PassOn::kNow) text += " pass_on";
  if (actions.pass_on == EndActions::PassOn::kNowOrAtClose) text += " at_close";
  if (actions.half_closes) text += " half_closes";
  if (actions.watch) text += " watch";
  if (actions.stop) text += " stop";
  return text;
}

Initiator Other(Initiator side) { return side == kC ? kU : kC; }

EndEvent MirrorOf(EndEvent event) {
  if (event.sender == kC || event.sender == kU) event.sender = Other(event.sender);
  return event;
}

std::string MirrorOf(std::string text) {
  if (text.starts_with("client/proxy_protocol_error")) return text;  // servers send no header
  if (text.starts_with("C ")) return "U" + text.substr(1);
  if (text.starts_with("U ")) return "C" + text.substr(1);
  if (text.starts_with("client/")) return "upstream/" + text.substr(7);
  if (text.starts_with("upstream/")) return "client/" + text.substr(9);
  return text;
}

void Check(const Row& row, const std::map<std::string, EndEvent>& events, bool close_after_fin,
           bool mirrored) {
  const auto event = [&](const std::string& name) {
    return mirrored ? MirrorOf(events.at(name)) : events.at(name);
  };
  SCOPED_TRACE(row.first + ", " + row.second + (mirrored ? " (mirrored)" : ""));
  SessionEnd end(close_after_fin);
  EndActions actions = end.On(event(row.first));
  if (!row.second.empty()) actions = end.On(event(row.second));
  EXPECT_EQ(TextOf(end, actions), mirrored ? MirrorOf(row.result) : row.result);
}

TEST(SessionEnd, TheTable) {
  for (const Row& row : kRows) {
    Check(row, kEvents, false, false);
    Check(row, kEvents, false, true);
  }
}

TEST(SessionEnd, HalfCloseClose) {
  for (const Row& row : kCloseAfterFinRows) Check(row, kEvents, true, false);
}

TEST(SessionEnd, WhileConnecting) {
  for (const Row& row : kConnectingRows) Check(row, kConnectingEvents, false, false);
}

// What comes first: not a reset after an end, and no flow is cancelled before the session ends.
bool CanBeFirst(const EndEvent& event) {
  return event.kind != Kind::kResetAfterEnd && event.kind != Kind::kCancelled;
}

// A flow ends once; its sender can reset only after its end, while that is watched; a flow is only
// cancelled when the session has ended; and after a send to a peer has failed an end of its stream
// is a false one.
bool CanFollow(const std::string& first, const std::string& second) {
  const EndEvent& one = kEvents.at(first);
  const EndEvent& other = kEvents.at(second);
  SessionEnd end(/*close_after_fin=*/false);
  end.On(one);
  if (other.kind == Kind::kCancelled && !end.ended()) return false;
  if (other.kind == Kind::kResetAfterEnd) {
    return one.kind == Kind::kEndOfStream && one.sender == other.sender;
  }
  if (one.sender != Initiator::kProxy && one.sender == other.sender) return false;
  const bool send_failed = one.kind == Kind::kReceiverGone || one.kind == Kind::kWriteError;
  return !(send_failed && other.kind == Kind::kEndOfStream);
}

const Row* Find(const std::string& first, const std::string& second) {
  for (const Row& row : kRows) {
    if (row.first == first && row.second == second) return &row;
    if (MirrorOf(row.first) == first && !second.empty() && MirrorOf(row.second) == second)
      return &row;
  }
  return nullptr;
}

// Whose connection has the error.
Initiator SideOf(const EndEvent& event) {
  const bool is_send = event.kind == Kind::kReceiverGone || event.kind == Kind::kWriteError;
  return is_send ? Other(event.sender) : event.sender;
}

// What the table leaves out is what comes after the end: nothing changes the reason, and the error
// is the first, after a reset of the side that it names. Everything else is in it.
TEST(SessionEnd, EveryPairInBothOrders) {
  int after_the_end = 0;
  int in_the_table = 0;
  for (const auto& [first, one] : kEvents) {
    if (!CanBeFirst(one)) continue;
    for (const auto& [second, other] : kEvents) {
      if (!CanFollow(first, second)) continue;
      SCOPED_TRACE(first + ", " + second);
      SessionEnd end(/*close_after_fin=*/false);
      end.On(one);
      if (!end.ended()) {
        EXPECT_NE(Find(first, second), nullptr) << "not in the table";
        ++in_the_table;
        continue;
      }
      const EndReason reason = end.reason();
      const int error = end.error();
      const EndActions actions = end.On(other);
      EXPECT_EQ(end.reason(), reason);
      const bool is_anothers =
          reason.cause == EndCause::kReset && SideOf(other) != reason.initiator;
      EXPECT_EQ(end.error(), error != 0 || is_anothers ? error : other.error);
      EXPECT_FALSE(actions.stop);
      EXPECT_FALSE(actions.watch);
      ++after_the_end;
    }
  }
  EXPECT_EQ(in_the_table, 84);
  EXPECT_GT(after_the_end, 50);
}

// For the record: an end of stream that was passed on counts as a byte that was not acknowledged.
TEST(SessionEnd, WhoseEndOfStreamWasPassedOn) {
  for (const bool close_after_fin : {false, true}) {
    SessionEnd end(close_after_fin);
    EXPECT_FALSE(end.passed_on(kC));
    EXPECT_FALSE(end.flow_ended(kC));
    end.On(kEvents.at("U ends"));
    EXPECT_TRUE(end.passed_on(kU));
    EXPECT_TRUE(end.flow_ended(kU));
    EXPECT_FALSE(end.passed_on(kC));
    end.On(kEvents.at("C ends"));
    EXPECT_TRUE(end.passed_on(kU));
    EXPECT_EQ(end.passed_on(kC), close_after_fin) << "else the close that follows sends it";
    EXPECT_TRUE(end.flow_ended(kC));
  }
  SessionEnd broken(true);
  broken.On(kEvents.at("U ends falsely"));
  EXPECT_FALSE(broken.passed_on(kU));
}

struct FlushRow {
  EndCause cause;
  bool close_after_fin;
  bool needs_flush;
  // Of the flow of the one that ended or reset, and of the other; with readers that move.
  bool own = false;
  bool other = false;
  bool other_when_stalled = false;
  bool closes_client_early = true;
};
constexpr FlushRow kFlushRows[] = {
    {EndCause::kClosed, false, false, true, false, false, false},
    {EndCause::kClosed, true, true, true, false, false, false},
    {EndCause::kReset, false, true, true, false, false},
    {EndCause::kWriteStall, false, true, true, true, false},
    {EndCause::kMaxLifetime, false, true, true, true, true, false},
    {EndCause::kIdleTimeout, false, false},
    {EndCause::kHalfCloseTimeout, false, false},
    {EndCause::kShutdown, false, false},
    {EndCause::kKilled, false, false},
    {EndCause::kProxyProtocolError, false, false},
    {EndCause::kProxyProtocolTimeout, false, false},
    {EndCause::kAccess, false, false},
};

SessionEnd EndedBy(const FlushRow& row, Initiator side) {
  SessionEnd end(row.close_after_fin);
  const std::string name = side == kC ? "C" : "U";
  switch (row.cause) {
    case EndCause::kClosed:
      end.On(kEvents.at(name + " ends"));
      end.On(kEvents.at((side == kC ? "U" : "C") + std::string(" ends")));
      break;
    case EndCause::kReset:
      end.On(kEvents.at(name + " breaks"));
      break;
    case EndCause::kShutdown:
      end.On({.kind = Kind::kShutdown});
      break;
    case EndCause::kProxyProtocolError:
      end.On({.kind = Kind::kHeader});
      break;
    case EndCause::kKilled:
      end.On({.kind = Kind::kKill, .sender = Initiator::kAdmin, .cause = row.cause});
      break;
    default:
      end.On({.kind = Kind::kDeadline, .cause = row.cause});
  }
  return end;
}

// Its reader has been reset. Where the other flow goes on, that one tells.
TEST(SessionEnd, AnEndOfStreamThatCannotBePassedOn) {
  for (const bool close_after_fin : {false, true}) {
    SessionEnd end(close_after_fin);
    (void)end.On({.kind = EndEvent::Kind::kEndOfStream, .sender = kC});
    end.NotPassedOn(kC);
    EXPECT_FALSE(end.passed_on(kC));
    EXPECT_EQ(end.ended(), close_after_fin);
    if (!close_after_fin) {
      (void)end.On({.kind = EndEvent::Kind::kReadError, .sender = kU, .error = ECONNRESET});
    }
    EXPECT_EQ(end.reason(), (EndReason{.initiator = kU, .cause = EndCause::kReset}));
    EXPECT_EQ(end.error(), ECONNRESET);
  }
}

// What has ended the session before stays the reason.
TEST(SessionEnd, AnEndOfStreamThatCannotBePassedOnAfterTheEnd) {
  SessionEnd end(/*close_after_fin=*/true);
  (void)end.On({.kind = EndEvent::Kind::kShutdown});
  (void)end.On({.kind = EndEvent::Kind::kEndOfStream, .sender = kC});
  end.NotPassedOn(kC);
  EXPECT_EQ(end.reason(),
            (EndReason{.initiator = Initiator::kProxy, .cause = EndCause::kShutdown}));
  EXPECT_EQ(end.error(), 0);
}

TEST(SessionEnd, WhatIsFlushed) {
  for (const Initiator side : {kC, kU}) {
    for (const FlushRow& row : kFlushRows) {
      SCOPED_TRACE(std::string(Name(row.cause)) + " " + std::string(Name(side)));
      const SessionEnd end = EndedBy(row, side);
      ASSERT_EQ(end.reason().cause, row.cause);
      EXPECT_EQ(end.is_clean(), row.cause == EndCause::kClosed);
      EXPECT_EQ(end.NeedsFlush(), row.needs_flush);
      EXPECT_EQ(end.ClosesClientEarly(), row.closes_client_early);
      if (!row.needs_flush) continue;
      EXPECT_EQ(end.NeedsFlush(side, true), row.own);
      EXPECT_EQ(end.NeedsFlush(Other(side), true), row.other);
      EXPECT_EQ(end.NeedsFlush(Other(side), false), row.other_when_stalled);
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
