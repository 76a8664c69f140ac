#include "tests/sim/endpoint_checker.h"

#include <algorithm>
#include <cerrno>

namespace sluice::sim {

void EndpointChecker::Ask(Session& session, core::Instant from, core::Instant until) {
  session.asked = ++turns_;
  session.asked_from = from;
  session.asked_until = until;
  session.found_room = FindsRoom(session);
}

void EndpointChecker::Begins(Session& session) { Ask(session, clock_.Now(), clock_.Now()); }

bool EndpointChecker::HasRoom(uint32_t endpoint) const {
  const uint32_t limit = scenario_.endpoint_limits[endpoint];
  return limit == 0 || used_[endpoint] < limit;
}

bool EndpointChecker::FindsRoom(const Session& session) const {
  for (uint32_t endpoint = 0; endpoint < scenario_.endpoints; ++endpoint) {
    if ((session.tried >> endpoint & 1) == 0 && HasRoom(endpoint)) return true;
  }
  return false;
}

// The middle of it: it may be half as long, and half as long again.
core::Duration EndpointChecker::PauseAfter(uint32_t attempts) const {
  return attempts < 2 ? 0s : scenario_.backoff * (1 << (attempts - 2));
}

// The most of it: it may be half as long.
core::Duration EndpointChecker::PauseAfterRound(uint32_t rounds) const {
  const core::Duration first = std::max<core::Duration>(scenario_.backoff, 20ms);
  return std::min<core::Duration>(first * (1 << std::min(rounds - 1, 10u)), 250ms);
}

// When it may try what next.
void EndpointChecker::AskAgain(Session& session) {
  const core::Instant now = clock_.Now();
  const bool is_over = session.in_round == scenario_.most_attempts();
  core::Duration pause = PauseAfter(session.in_round);
  core::Duration least = pause / 2;
  core::Duration most = pause + pause / 2;
  if (is_over || session.rounds > 0) {
    const core::Duration left = session.first_try + scenario_.retry_for - now;
    session.gave_up = left <= 0s;
    if (is_over && !session.gave_up) {
      pause = PauseAfterRound(++session.rounds);
      least = pause / 2;
      most = pause;
      session.in_round = 0;
      session.tried = 0;
    }
    least = std::clamp<core::Duration>(least, 0s, std::max<core::Duration>(left, 0s));
    most = std::clamp<core::Duration>(most, 0s, std::max<core::Duration>(left, 0s));
  }
  if (least == most && most > 0s) --least;  // equal times would say: without a pause
  Ask(session, now + least, now + most);
}

void EndpointChecker::OpensSocket(Session& session, bool opened) {
  if (++session.attempts == 1) session.first_try = clock_.Now();
  ++session.in_round;
  if (session.gave_up) {
    trace_.Fail("session %d tries more than %d endpoints in %d rounds, or after retry_for",
                session.id, scenario_.most_attempts(), session.rounds + 1);
  }
  if (clock_.Now() < session.asked_from) {
    trace_.Fail("session %d tries the next endpoint without a pause", session.id);
  }
  if (!opened) session.ran_out = true;
}

void EndpointChecker::Connects(Session& session, uint32_t endpoint) {
  if ((session.tried >> endpoint & 1) != 0) {
    trace_.Fail("session %d tries endpoint %d twice", session.id, endpoint);
  }
  const uint32_t limit = scenario_.endpoint_limits[endpoint];
  if (++used_[endpoint] > limit && limit != 0) {
    trace_.Fail("%d connections to endpoint %d, %d are allowed", used_[endpoint], endpoint, limit);
  }
  session.tried |= uint32_t{1} << endpoint;
  session.endpoint = static_cast<int>(endpoint);
  winners_.push_back({session.id, session.asked, session.asked_from, endpoint});
}

void EndpointChecker::ConnectFails(Session& session, int error) {
  session.ran_out = error == ENOBUFS;
}

void EndpointChecker::Closes(Session& session) {
  --used_[static_cast<size_t>(session.endpoint)];
  session.endpoint = -1;
  if (session.far != nullptr) return;
  AskAgain(session);
}

void EndpointChecker::Ended(const Session& session, std::string_view reason) {
  bool is_true = true;
  if (reason == "no_upstream") is_true = session.gave_up || session.ran_out;
  if (reason == "queue_timeout") {
    is_true = !session.gave_up && clock_.Now() >= session.asked_from + scenario_.queue_timeout;
    // Without waiting no session is between a slot and its use, so that what was seen was all.
    const bool sure = scenario_.queue_timeout == 0s && session.asked_from == session.asked_until;
    if (sure && session.found_room) is_true = false;
  }
  if (!is_true) {
    trace_.Fail("session %d: not true: %s after %d attempts", session.id, reason, session.attempts);
  }
}

void EndpointChecker::CheckAtRest(const std::deque<Session>& sessions) {
  for (const Session& session : sessions) {
    const bool waits = session.live() && session.far == nullptr && session.endpoint < 0;
    if (waits) CheckWaiting(session);
  }
  winners_.clear();
}

void EndpointChecker::CheckWaiting(const Session& session) {
  for (const Winner& winner : winners_) CheckOvertaken(session, winner);
  const bool asked_at_once = session.asked_from == session.asked_until;
  if (!asked_at_once && clock_.Now() <= session.asked_until + kTolerance) return;
  if (session.ran_out || session.gave_up) {
    trace_.Fail("session %d lives on after its last attempt", session.id);
  }
  if (FindsRoom(session)) {
    trace_.Fail("session %d waits though an endpoint has room", session.id);
  }
  if (clock_.Now() > session.asked_until + scenario_.queue_timeout + kTolerance) {
    trace_.Fail("session %d waits for longer than queue_timeout", session.id);
  }
}

// `session` still waits; `winner` has asked later, and got the slot that it would have taken.
void EndpointChecker::CheckOvertaken(const Session& session, const Winner& winner) {
  if ((session.tried >> winner.endpoint & 1) != 0) return;
  const bool asked_at_once = session.asked_from == session.asked_until;
  const bool earlier = asked_at_once ? session.asked < winner.asked
                                     : winner.asked_from > session.asked_until + kTolerance;
  if (!earlier) return;
  trace_.Fail("session %d waits for endpoint %d, and session %d that came later has got it",
              session.id, winner.endpoint, winner.id);
}

}  // namespace sluice::sim
