// Checker's reading of the log: every session ends once, for a reason that is true.
#include <algorithm>
#include <array>
#include <string>

#include "core/sched/worker.h"
#include "tests/sim/checker.h"
#include "tests/sim/log_line.h"
#include "tests/sim/peer.h"
#include "tests/sim/wall_clock.h"

namespace sluice::sim {
namespace {

// What is taken at the very moment at which the time is up may be heard of too late.
core::Instant Taken(const Socket& socket, core::Instant end) {
  return end < socket.taken_at + kTolerance / 3 ? socket.taken_before : socket.taken_at;
}

core::Instant LastProgress(const Session& s) {
  core::Instant last;
  for (size_t i = 0; i < 2; ++i) {
    if (s.sent[i] == core::Instant()) continue;  // that an end is taken is not a byte
    const bool just_now = *s.ended < s.sent[i] + kTolerance / 3;
    last = std::max({last, just_now ? s.sent_before[i] : s.sent[i],
                     Taken(s.to(static_cast<int>(i)), *s.ended)});
  }
  return last;
}

}  // namespace

void Checker::Write(core::LogLevel, std::string_view line) {
  if (!line.starts_with("worker ")) trace_.Add("log: %s", line);
  if (line.starts_with("session end ")) SessionEnds(line);
  if (line.starts_with("stats ")) CheckStats(line);
  endpoints_.health().Log(line);
  if (line.starts_with("upgrade: process ") && line.ends_with("this one ends")) SignalSent();
  if (line == "signal SIGHUP: another configuration is in force") {
    endpoints_.model().Reloaded(/*in_force=*/true);
  } else if (line.starts_with("upstream sim: file sim: ") && line.ends_with(" left")) {
    endpoints_.model().Found();
  } else if (line == "signal SIGHUP: the configuration stays as it is") {
    endpoints_.model().Reloaded(/*in_force=*/false);
  }
}

void Checker::SessionEnds(std::string_view line) {
  Session* const found = SessionOfClient(sessions_, std::string(Field(line, "client")));
  if (found == nullptr) trace_.Fail("unknown client: %s", line);
  Session& session = *found;
  if (!session.live()) trace_.Fail("session %d ends twice", session.id);
  session.ended = clock_.Now();
  session.reason = std::string(Field(line, "reason"));
  session.by = std::string(Field(line, "by"));
  if (const WallClock* wall = WallClock::Current()) session.wall_end = wall->Now();
  ++ended_[session.reason];
  session_of_.erase(core::Worker::Current()->running());
  admission_.Ended(session);
  acts_.Ended(session, session.reason);
  endpoints_.Ended(session, session.reason);
  if (Number(line, "attempts") != session.attempts) {
    trace_.Fail("session %d has made %d attempts, but: %s", session.id, session.attempts, line);
  }
  if (session.far != nullptr && (Number(line, "up") != session.far->total_written ||
                                 Number(line, "down") != session.near->total_written)) {
    trace_.Fail("session %d: %d up, %d down, but the log says: %s", session.id,
                session.far->total_written, session.near->total_written, line);
  }
  if (!headers_.CheckEnd(session, session.reason, Field(line, "client"))) {
    CheckReason(session, session.reason, Field(line, "by"));
  }
  if (session.far == nullptr) return;
  CheckPassedOn(session);
  for (const int direction : {Session::kUp, Session::kDown}) {
    const char* key = direction == Session::kUp ? "undelivered_up" : "undelivered_down";
    CheckCut(session, direction, Field(line, key).empty() ? 0 : Number(line, key));
  }
}

// What a side had sent before its reset has been passed on, unless its reader was gone, too.
void Checker::CheckPassedOn(const Session& s) {
  if (s.reason != "reset" || s.broken() || s.has_doubts()) return;
  const int direction = s.by == "client" ? Session::kUp : Session::kDown;
  const Socket& from = s.from(direction);
  // Its reader's end of stream, which could not be passed on, was the end.
  if (scenario_.close_after_fin && s.to(direction).fin_arrived) return;
  if (!from.reset_arrived || s.to(direction).reset_arrived) return;
  if (from.in.empty() && s.held(direction) == 0) return;
  trace_.Fail("session %d: %d bytes from before the reset by %s are not passed on", s.id,
              from.in.size() + s.held(direction), s.by);
}

// The line tells what a reset has cut, and only from a reader that took nothing any more.
void Checker::CheckCut(const Session& session, int direction, uint64_t undelivered) {
  const Socket& to = session.to(direction);
  const uint64_t cut = to.total_written - to.when_closing;
  const bool told = undelivered == cut || (undelivered == 0 && session.reason == "closed");
  if (!told) {
    trace_.Fail("session %d: %d bytes were not delivered, but the log says %d", session.id, cut,
                undelivered);
  }
  if (undelivered != 0 && !MayCut(session, direction)) {
    trace_.Fail("session %d: %d bytes are cut, which their reader would have taken", session.id,
                cut);
  }
}

bool Checker::MayCut(const Session& session, int direction) const {
  const Socket& to = session.to(direction);
  if (to.reset_arrived || session.broken() || session.has_doubts() ||
      session.reason.ends_with("_timeout"))
    return true;
  if (acts_.MayCut(session)) return true;
  if (session.reason == "endpoint_removed" || session.reason == "endpoint_down") return true;
  const core::Instant closing_at = to.closing_at.value();
  const core::Instant end = closing_at + kTolerance;
  // Its endpoint's time is over, or its checks fail; it may still be connected to it.
  const auto has_to_end = [&](const auto& endpoint) {
    if (endpoint.late_at && end >= *endpoint.late_at) return true;
    return scenario_.resets_down && endpoint.down_at && end <= *endpoint.down_at + 2s;
  };
  if (session.pool == nullptr && session.place == nullptr) return true;  // which one, is not known
  if (has_to_end(session) || (session.place != nullptr && has_to_end(*session.place))) return true;
  if (std::ranges::any_of(session.perhaps, [&](Place* each) { return has_to_end(*each); })) {
    return true;
  }
  if (first_signal_ && (signals_ > 1 || end >= *first_signal_ + scenario_.drain_timeout)) {
    return true;
  }
  // A second without anything taken, all of the linger, or a stall.
  const core::Instant taken = Taken(to, closing_at);
  if (end >= taken + kGrace) return true;
  if (scenario_.linger != 0s && end >= *session.relaying + scenario_.linger) return true;
  return session.reason == "write_stall" && end >= taken + scenario_.write_stall_timeout;
}

namespace {

// Whether a recv or a send failed on that side.
bool FailedAt(const Session& session, bool near) {
  const size_t from = near ? Session::kUp : Session::kDown;
  return session.recv_failed[from] || session.send_failed[1 - from] || session.doubted[from];
}

}  // namespace

void Checker::CheckReason(const Session& session, std::string_view reason, std::string_view by) {
  bool is_true = false;
  const bool changes = scenario_.has(Fault::kReload) || scenario_.has(Fault::kWeights) ||
                       scenario_.has(Fault::kChecks) || scenario_.has(Fault::kAgents) ||
                       scenario_.has(Fault::kPassive) ||
                       scenario_.has(Fault::kActs);  // all endpoints may be in drain
  if (reason == "closed") {
    CheckClosed(session);
    return;
  }
  if (reason == "reset") {
    const Socket* side = by == "client" ? session.near : session.far;
    is_true = side != nullptr && side->reset_arrived;
    is_true |= FailedAt(session, by == "client");
  } else if (reason == "no_upstream") {
    is_true = session.far == nullptr &&
              (changes || scenario_.has(Fault::kRefuse) || scenario_.has(Fault::kLost) ||
               scenario_.has(Fault::kConnectError) || scenario_.has(Fault::kDescriptors));
  } else if (reason == "queue_timeout") {
    is_true = session.far == nullptr && (changes || scenario_.has(Fault::kEndpointLimit));
  } else if (reason == "endpoint_removed") {
    is_true = session.far != nullptr;  // that it was time is for endpoints_
  } else if (reason == "endpoint_down") {
    is_true = session.far != nullptr && scenario_.resets_down;  // likewise
  } else if (acts_.IsTrue(session, reason)) {
    is_true = true;
  } else if (reason == "shutdown") {
    const bool has_no_route = scenario_.has(Fault::kRoutes) && session.attempts == 0;
    // One whose header comes just then, or that is accepted in the drain, goes on no further.
    const bool is_identified_then =
        headers_.is_on() && session.attempts == 0 && first_signal_ &&
        *session.ended <= std::max(*first_signal_, *session.began) + kTolerance;
    const bool waits = has_no_route || !headers_.IsOver(session) || is_identified_then;
    is_true =
        first_signal_ && (signals_ > 1 || waits ||
                          *session.ended + kTolerance >= *first_signal_ + scenario_.drain_timeout);
  } else {
    CheckTimeoutReason(session, reason);
    return;
  }
  if (!is_true) trace_.Fail("session %d: not true: %s by %s", session.id, reason, by);
}

void Checker::CheckClosed(const Session& session) {
  const bool one_is_enough = scenario_.close_after_fin && session.first_fin >= 0;
  const auto finished = [&](int direction) {
    const Peer* writer = direction == Session::kUp ? session.client : session.server;
    return writer->finished_sending() || (one_is_enough && direction != session.first_fin);
  };
  if (session.far == nullptr || !finished(Session::kUp) || !finished(Session::kDown)) {
    trace_.Fail("session %d: closed, but not both sides have ended cleanly", session.id);
  }
  for (const int direction : {Session::kUp, Session::kDown}) {
    if (one_is_enough && direction != session.first_fin) continue;
    const Socket& from = session.from(direction);
    if (from.total_read != from.other->total_written || session.held(direction) != 0) {
      trace_.Fail("session %d: closed with %d bytes read of %d, %d not sent", session.id,
                  from.total_read, from.other->total_written, session.held(direction));
    }
  }
}

// A timeout is not early. (That it is not late is checked at rest.)
void Checker::CheckTimeoutReason(const Session& s, std::string_view reason) {
  const core::Instant now = *s.ended + kTolerance;
  bool is_true = false;
  if (reason == "idle_timeout") {
    const core::Instant last = std::max(*s.relaying, LastProgress(s));
    is_true = scenario_.idle_timeout != 0s && now >= last + scenario_.idle_timeout;
  } else if (reason == "half_close_timeout") {
    is_true = s.half_closed && scenario_.half_close_timeout != 0s &&
              now >= std::max(*s.half_closed, LastProgress(s)) + scenario_.half_close_timeout;
  } else if (reason == "preread_timeout") {
    is_true = scenario_.route_rejects && s.attempts == 0 &&
              now >= s.asks_route_from() + scenario_.route_timeout;
  } else if (reason == "max_lifetime") {
    is_true = scenario_.max_lifetime != 0s && now >= *s.began_from + EarliestLifetime();
  } else if (reason == "write_stall") {
    for (size_t i = 0; i < 2; ++i) {
      const Socket& to = s.to(static_cast<int>(i));
      const core::Instant last =
          std::max({s.sent[i], s.send_submitted[i], Taken(to, to.closing_at.value())});
      is_true |= s.sending[i] && scenario_.write_stall_timeout != 0s &&
                 now >= last + scenario_.write_stall_timeout;
    }
  }
  if (!is_true) trace_.Fail("session %d: %s too early, or for nothing", s.id, reason);
}

void Checker::CheckStats(std::string_view line) {
  const uint64_t active = Number(line, "active");
  if (active > scenario_.most_sessions()) {
    trace_.Fail("%d connections are allowed: %s", scenario_.most_sessions(), line);
  }
  uint64_t ended = 0;
  for (const auto& [reason, count] : ended_) {
    ended += count;
    if (Number(line, reason) != count) {
      trace_.Fail("%d sessions ended with %s, but: %s", count, reason, line);
    }
  }
  if (Number(line, "total") != active + ended) {
    trace_.Fail("%d sessions have ended, but: %s", ended, line);
  }
  admission_.CheckCauses(line);
  last_stats_ = std::string(line);
}

void Checker::CheckEnd() {
  uint64_t up = 0;
  uint64_t down = 0;
  for (const Session& session : sessions_) {
    if (session.live()) trace_.Fail("session %d has not ended", session.id);
    if (session.far == nullptr) continue;
    up += session.far->total_written;
    down += session.near->total_written;
  }
  if (last_stats_.empty()) {
    if (accepted_ != 0) trace_.Fail("no statistics at the end");
    return;
  }
  const uint64_t total = Number(last_stats_, "total");
  if (total != begun_ || total + Number(last_stats_, "rejected") != accepted_ ||
      Number(last_stats_, "active") != 0 || Number(last_stats_, "up") != up ||
      Number(last_stats_, "down") != down) {
    trace_.Fail("%d accepted, %d sessions, %d bytes up, %d down, but: %s", accepted_, begun_, up,
                down, last_stats_);
  }
}

}  // namespace sluice::sim
