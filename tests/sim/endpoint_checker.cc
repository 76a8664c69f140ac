#include "tests/sim/endpoint_checker.h"

#include <algorithm>
#include <cerrno>

namespace sluice::sim {
namespace {

constexpr core::Duration kLongestRoundPause = 250ms;

bool HasTried(const Session& session, const Place* place) {
  return std::ranges::find(session.tried, place) != session.tried.end();
}

// What it is not given while it is not forgiven.
Places Barred(const Session& session) {
  Places barred = session.tried;
  if (session.is_late) {
    barred.insert(barred.end(), session.tried_last.begin(), session.tried_last.end());
  }
  return barred;
}

}  // namespace

void EndpointChecker::Accepted(Session& session) {
  session.accepted_for = &model_.current();
  session.accepted_surely = !model_.switched();
}

void EndpointChecker::Ask(Session& session, core::Instant from, core::Instant until) {
  session.asked = {++turns_, from, until};
  session.asked_in = rests_;
  session.is_back = std::exchange(session.retries, false);
  if (!session.is_back) session.turn = session.asked;
  if (!session.has_retried) session.earliest = session.asked;
  session.found_room = FindsRoom(session, Barred(session));
  // One that pauses has yet to ask, and one that has given up never does: no ramp begins with it.
  const bool asks_now = session.asked.at_once() && !session.gave_up;
  if (session.pool != nullptr && asks_now) model_.Asked(*session.pool);
}

void EndpointChecker::Begins(Session& session) {
  const bool sure =
      session.accepted_surely && !model_.switched() && session.accepted_for == &model_.current();
  if (sure) {
    session.pool = &model_.current();
    session.policies = session.pool->policies;
  }
  BeginRound(session);
  Ask(session, clock_.Now(), clock_.Now());
}

void EndpointChecker::BeginRound(Session& session) const {
  if (session.pool == nullptr) return;
  session.round_began = rests_;
  session.most_in_round = std::clamp<uint32_t>(session.pool->serving(), 1, scenario_.attempts);
}

void EndpointChecker::EndRound(Session& session) const {
  ++session.rounds;
  session.in_round = 0;
  session.tried_last = std::exchange(session.tried, {});
  session.began_in_queue = false;
  BeginRound(session);
}

// A wait may be over before the session is forgiven, and the round with it.
bool EndpointChecker::WaitsAreShort() const {
  return scenario_.retry_for > 0s && scenario_.queue_timeout <= kLongestRoundPause;
}

bool EndpointChecker::MayBeForgiven(const Session& session) const {
  const core::Instant end = session.first_try + scenario_.retry_for;
  if (session.tried.empty() || session.is_late || session.asked.from >= end) return false;
  const core::Duration pause = PauseAfterRound(session.rounds + 1);
  return clock_.Now() >= std::min(session.asked.from + pause / 2, end);
}

// Surely, and some time ago.
bool EndpointChecker::IsForgiven(const Session& session) const {
  const core::Instant end = session.first_try + scenario_.retry_for;
  if (session.tried.empty() || session.is_late || WaitsAreShort()) return false;
  const core::Duration pause = PauseAfterRound(session.rounds + 1);
  return session.asked.until + kTolerance < end &&
         clock_.Now() > session.asked.until + pause + kTolerance;
}

bool EndpointChecker::FindsRoom(const Session& session, const Places& barred) const {
  if (session.pool == nullptr) return false;
  return std::ranges::any_of(session.pool->members, [&](const Place* place) {
    return UpstreamModel::Accepts(*session.pool, *place, barred) && model_.HasRoom(*place);
  });
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
  const bool is_over = session.in_round >= session.most_in_round;
  core::Duration pause = PauseAfter(session.in_round);
  core::Duration least = pause / 2;
  core::Duration most = pause + pause / 2;
  const core::Duration left = session.first_try + scenario_.retry_for - now;
  if (is_over || session.rounds > 0) {
    session.is_late = left <= 0s && !is_over && session.began_in_queue;
    session.gave_up = left <= 0s && !session.is_late;
    if (is_over && !session.gave_up) {
      EndRound(session);
      pause = PauseAfterRound(session.rounds);
      least = pause / 2;
      most = pause;
    }
    least = std::clamp<core::Duration>(least, 0s, std::max<core::Duration>(left, 0s));
    most = std::clamp<core::Duration>(most, 0s, std::max<core::Duration>(left, 0s));
  }
  if (least == most && most > 0s) --least;  // equal times would say: without a pause
  if (WaitsAreShort() && left > 0s) most = std::max(most, left + kLongestRoundPause);
  Ask(session, now + least, now + most);
}

void EndpointChecker::OpensSocket(Session& session, bool opened) {
  if (++session.attempts == 1) session.first_try = clock_.Now();
  ++session.in_round;
  if (!opened) session.ran_out = true;
  if (session.pool == nullptr) return;
  if (session.gave_up) {
    trace_.Fail("session %d tries more than %d endpoints in %d rounds, or after retry_for",
                session.id, session.most_in_round, session.rounds + 1);
  }
  if (clock_.Now() < session.asked.from) {
    trace_.Fail("session %d tries the next endpoint without a pause", session.id);
  }
  if (WaitsAreShort() && MayBeForgiven(session)) session.pool = nullptr;
}

// Null: it is not known.
Place* EndpointChecker::PlaceOf(Session& session, uint32_t upstream, uint32_t endpoint) {
  if (session.pool == nullptr) {
    Pool* const pool = model_.FindPool(upstream, endpoint);
    return pool == nullptr ? nullptr : model_.Find(*pool, endpoint);
  }
  if (session.pool->upstream != upstream) {
    trace_.Fail("session %d is given an endpoint of another upstream", session.id);
  }
  Place* const place = model_.Find(*session.pool, endpoint);
  if (place == nullptr) {
    trace_.Fail("session %d is given endpoint %d, which is not there any more", session.id,
                endpoint);
  }
  return place;
}

void EndpointChecker::Connects(Session& session, uint32_t upstream, uint32_t endpoint) {
  session.connecting = true;
  Place* const place = PlaceOf(session, upstream, endpoint);
  session.place = place;
  if (place == nullptr) {
    session.perhaps = model_.AllNamed(upstream, endpoint);
    for (Place* each : session.perhaps) ++each->unsure;
    return;
  }
  Count(session);
  if (session.pool == nullptr) return;
  if (HasTried(session, place) && MayBeForgiven(session)) {
    EndRound(session);
    session.in_round = 1;
    session.began_in_queue = true;
    session.retries = true;
    session.has_retried = true;
  }
  CheckMayBeGiven(session, *place);
  CheckSticks(session, *place);
  session.tried.push_back(place);
  winners_.push_back({session.id, session.earliest, place});
}

// All connections count, whatever limits and policies there were when they began.
void EndpointChecker::Count(Session& session) {
  Place& place = *session.place;
  session.placed_surely = session.pool != nullptr;
  if (!session.placed_surely) {
    ++place.unsure;
    return;
  }
  ++place.used;
  CheckLimit(place);
}

void EndpointChecker::CheckLimit(const Place& place) const {
  const std::optional<uint32_t> most = model_.MostOf(place);
  if (!most || place.used <= *most) return;
  trace_.Fail("%d connections to endpoint %d, %d are allowed", place.used, place.endpoint, *most);
}

void EndpointChecker::CheckMayBeGiven(const Session& session, const Place& place) const {
  if (HasTried(session, &place)) {
    trace_.Fail("session %d tries endpoint %d twice", session.id, place.endpoint);
  }
  if (place.most_weight == 0) {
    trace_.Fail("session %d is given endpoint %d, which drains or is out", session.id,
                place.endpoint);
  }
  if (session.pool->changes > 0) return;
  // It prefers others to those that it has tried in the round before.
  std::vector<const Place*> seen = session.tried;
  seen.insert(seen.end(), session.tried_last.begin(), session.tried_last.end());
  if (UpstreamModel::Accepts(*session.pool, place, session.tried)) return;
  if (UpstreamModel::Accepts(*session.pool, place, seen)) return;
  trace_.Fail("session %d is given endpoint %d, whose priority has not its turn", session.id,
              place.endpoint);
}

// By a policy that hashes, equal sources go to the same endpoint, as long as each can take all. It
// is known what is hashed of a session that began under the policy.
void EndpointChecker::CheckSticks(const Session& session, const Place& place) {
  Pool& pool = *session.pool;
  const bool all_can = std::ranges::all_of(
      pool.members, [](const Place* each) { return each->most_limit == 0 && !each->ramp_from; });
  const bool sticks = pool.hashes && scenario_.hash_load == 0 && session.policies == pool.policies;
  if (!sticks || !all_can || pool.changes > 0 || session.attempts > 1) return;
  const uint32_t source = session.id >> (32 - scenario_.hash_prefix);
  const auto [found, is_first] = pool.sticks.emplace(source, place.endpoint);
  if (is_first || found->second == place.endpoint) return;
  trace_.Fail("session %d is given endpoint %d, another one of its source %d", session.id,
              place.endpoint, found->second);
}

void EndpointChecker::ConnectFails(Session& session, int error) {
  session.ran_out = error == ENOBUFS;
}

void EndpointChecker::Closes(Session& session) {
  session.connecting = false;
  const bool failed = session.far == nullptr ||  // or given up
                      session.far->reset_arrived || session.doubted[Session::kDown];
  for (Place* each : std::exchange(session.perhaps, {})) {
    --each->unsure;
    if (failed) health_.Failed(*each);
  }
  if (Place* const place = std::exchange(session.place, nullptr)) {
    --(session.placed_surely ? place->used : place->unsure);
    session.late_at = place->late_at;
    session.down_at = place->down_at;
    if (failed) health_.Failed(*place);
  }
  if (session.far != nullptr) return;
  AskAgain(session);
}

void EndpointChecker::Ended(const Session& session, std::string_view reason) {
  if (IsTrue(session, reason)) return;
  trace_.Fail("session %d: not true: %s after %d attempts", session.id, reason, session.attempts);
}

bool EndpointChecker::IsTrue(const Session& session, std::string_view reason) const {
  const core::Instant now = clock_.Now();
  const Pool* const pool = session.pool;
  if (pool == nullptr) return true;
  if (reason == "endpoint_removed") {
    return session.late_at && now + kTolerance >= *session.late_at;
  }
  if (reason == "endpoint_down")
    return session.down_at && now <= *session.down_at + 1s + kTolerance;
  // One that is late had waited before.
  const bool has_waited = session.is_late || now >= session.asked.from + scenario_.queue_timeout;
  if (reason == "no_upstream") {
    const bool was_down = has_waited && (pool->serving() == 0 || !pool->was_serving());
    const bool retried = session.is_late || (WaitsAreShort() && session.attempts > 0 &&
                                             now >= session.first_try + scenario_.retry_for);
    return session.gave_up || retried || session.ran_out || pool->is_removed || was_down;
  }
  if (reason != "queue_timeout") return true;
  if (session.gave_up || !has_waited) return false;
  if (pool->changes == 0 && (pool->serving() == 0 || pool->is_removed)) return false;
  // Without waiting no session is between a slot and its use, so that what was seen was all.
  const bool sure = scenario_.queue_timeout == 0s && session.asked.at_once();
  return !sure || !session.found_room;
}

void EndpointChecker::CheckAtRest(std::deque<Session>& sessions) {
  for (Session& session : sessions) {
    if (!session.live()) continue;
    // How many endpoints served when its round began depends on what came first.
    const bool unsure = session.round_began == rests_ && session.pool != nullptr;
    if (unsure && session.pool->changes > 0) session.pool = nullptr;
    CheckDrained(session);
    CheckDown(session);
    const bool waits = session.far == nullptr && !session.connecting;
    if (waits && session.pool != nullptr) CheckWaiting(session);
  }
  winners_.clear();
  ++rests_;
  health_.CheckAtRest();
  model_.Rested();
}

// It may have ended, and deliver what was accepted.
bool EndpointChecker::MayLinger(const Session& session) const {
  return scenario_.has(Fault::kShortTimeouts) || session.near->reset_arrived ||
         session.far->reset_arrived || session.half_closed || session.broken();
}

// When its endpoint's time is over, its session is, too. One that lingers looks now and then.
void EndpointChecker::CheckDrained(const Session& session) const {
  if (session.far == nullptr || session.place == nullptr || !session.place->late_at) return;
  constexpr core::Duration kLook = 300ms;
  const core::Duration tolerance = kTolerance + (MayLinger(session) ? kLook : 0s);
  if (clock_.Now() <= std::max(*session.place->late_at, *session.relaying) + tolerance) return;
  trace_.Fail("session %d lives on at endpoint %d, whose time is over", session.id,
              session.place->endpoint);
}

// With on_down: reset those that were there when it went down are reset, within a second.
void EndpointChecker::CheckDown(const Session& session) const {
  if (!scenario_.resets_down || session.far == nullptr || session.place == nullptr) return;
  const core::OptionalInstant down_at = session.place->down_at;
  if (!down_at || *session.relaying > *down_at) return;
  if (clock_.Now() <= *down_at + 1s + kTolerance) return;
  trace_.Fail("session %d lives on at endpoint %d, which is down", session.id,
              session.place->endpoint);
}

void EndpointChecker::CheckWaiting(const Session& session) {
  for (const Winner& winner : winners_) CheckOvertaken(session, winner);
  const bool asked_at_once = session.asked.at_once();
  if (!asked_at_once && clock_.Now() <= session.asked.until + kTolerance) return;
  model_.Asked(*session.pool);
  if (session.ran_out || session.gave_up) {
    trace_.Fail("session %d lives on after its last attempt", session.id);
  }
  if (session.pool->is_removed) {
    trace_.Fail("session %d waits for an upstream that is gone", session.id);
  }
  if (FindsRoom(session, Barred(session))) {
    trace_.Fail("session %d waits though an endpoint has room", session.id);
  }
  if (IsForgiven(session) && FindsRoom(session, {})) {
    trace_.Fail("session %d waits though one that it may try again has room", session.id);
  }
  if (clock_.Now() > session.asked.until + scenario_.queue_timeout + kTolerance) {
    trace_.Fail("session %d waits for longer than queue_timeout", session.id);
  }
}

// `session` still waits; `winner` has asked later, and got the slot that it would have taken. One
// that is back had not the turn while it was away: it has it from the first rest on.
void EndpointChecker::CheckOvertaken(const Session& session, const Winner& winner) {
  const Pool& pool = *session.pool;
  if (pool.changes > 1) return;
  if (std::ranges::find(pool.members, winner.place) == pool.members.end()) return;
  const Places barred = Barred(session);
  if (!UpstreamModel::Accepts(pool, *winner.place, barred)) return;
  if (!UpstreamModel::AcceptedAtRest(pool, *winner.place, barred)) return;
  const bool waited = session.asked.at_once() && session.asked_in < rests_;
  const Asking& turn = session.is_back && waited ? session.turn : session.asked;
  const bool earlier = turn.at_once() ? turn.number < winner.turn.number
                                      : winner.turn.from > turn.until + kTolerance;
  if (!earlier) return;
  trace_.Fail("session %d waits for endpoint %d, and session %d that came later has got it",
              session.id, winner.place->endpoint, winner.id);
}

}  // namespace sluice::sim
