#include "tests/sim/checker.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "tests/sim/peer.h"

namespace sluice::sim {
namespace {

constexpr uint32_t kClientNet = 0x0a000000;  // 10.0.0.0: a client's address is its session's id

}  // namespace

Session& Checker::NewSession(Peer& client, Socket& near) {
  Session& session = sessions_.emplace_back();
  session.id = static_cast<uint32_t>(sessions_.size());
  session.client = &client;
  session.near = &near;
  near.session = &session;
  headers_.Choose(session, AddressOf(session));
  client.set_header(session.header);
  trace_.Add("session %d: client at socket %d", session.id, client.socket().id);
  return session;
}

void Checker::SignalSent() {
  ++signals_;
  last_signal_ = clock_.Now();
  if (!first_signal_) first_signal_ = last_signal_;
  acts_.SignalSent();
}

uint32_t Checker::AddressOf(const Session& session) { return kClientNet + session.id; }

uint32_t Checker::SocketAddressOf(const Session& session) const {
  constexpr uint32_t kBalancers = 0x01000000;  // 11.0.0.0
  return AddressOf(session) + (headers_.is_on() ? kBalancers : 0);
}

// All of a good header: from now on it asks for an endpoint, or for what its route goes by.
void Checker::TakenNow(Session& session) {
  if (session.identified || session.header.is_wrong) return;
  if (session.near->total_read < session.header.bytes.size()) return;
  session.identified = clock_.Now();
  if (!scenario_.has(Fault::kRoutes)) endpoints_.Begins(session);
}

void Checker::SessionBegins(Session& session, const core::Runnable& task) {
  if (session.began) trace_.Fail("session %d begins twice", session.id);
  session.began = clock_.Now();
  session.began_from = rested_at_;
  ++begun_;
  session_of_[&task] = &session;
  connected_.erase(&task);
  admission_.Begins(session);
  // With routes nobody sees when it asks for an endpoint: what it is given is not judged.
  if (!scenario_.has(Fault::kRoutes) && !headers_.is_on()) endpoints_.Begins(session);
}

Session* Checker::SessionOf(const core::Runnable& task) {
  const auto found = session_of_.find(&task);
  return found == session_of_.end() ? nullptr : found->second;
}

void Checker::UpstreamOpened() {
  if (++upstream_open_ > scenario_.most_sessions()) {
    trace_.Fail("%d upstream sockets for %d sessions", upstream_open_, scenario_.most_sessions());
  }
}

void Checker::CheckConnect(core::Instant since) {
  if (clock_.Now() > since + scenario_.connect_timeout + kTolerance) {
    trace_.Fail("a connect has taken longer than its timeout");
  }
}

// Its task says which connection is the other.
void Checker::BeginsToRelay(Session& session, Socket& far) {
  session.far = &far;
  far.session = &session;
  session.server = static_cast<Peer*>(far.other->user);
  session.relaying = clock_.Now();
  session.reset_at.reset();  // what was sent before it goes first
  trace_.Add("session %d: relays between socket %d and %d", session.id, session.near->id, far.id);
}

// The first recv from a client begins the relaying. With routes it is read before, and the first
// use of the other connection begins it: what was read is sent first.
void Checker::Submitted(const core::Op& op, Socket& socket) {
  const auto found = connected_.find(op.task);
  Socket* const far =
      found == connected_.end() || found->second->session != nullptr ? nullptr : found->second;
  if (op.kind == core::OpKind::kRecv && socket.session != nullptr &&
      socket.session->far == nullptr) {
    if (far != nullptr) {
      BeginsToRelay(*socket.session, *far);
    } else if (!scenario_.has(Fault::kRoutes) || !headers_.IsOver(*socket.session)) {
      trace_.Fail("session %d reads without an upstream connection", socket.session->id);
    }
  }
  const bool moves = op.kind == core::OpKind::kSend || op.kind == core::OpKind::kRecv;
  if (moves && far == &socket && scenario_.has(Fault::kRoutes)) {
    BeginsToRelay(*SessionOf(*op.task), socket);
  }
  Session* const session = socket.session;
  if (op.kind != core::OpKind::kSend || session == nullptr) return;
  const int direction = session->far == &socket ? Session::kUp : Session::kDown;
  session->send_submitted[static_cast<size_t>(direction)] = clock_.Now();
  session->sending[static_cast<size_t>(direction)] = true;
  pace_.Submitted(*session, direction, op.size);
}

void Checker::Received(Socket& socket) {
  if (socket.session == nullptr) return;  // a check's
  Session& session = *socket.session;
  const int direction = session.near == &socket ? Session::kUp : Session::kDown;
  session.received[static_cast<size_t>(direction)] = clock_.Now();
  CheckReadAhead(session, direction);
}

void Checker::CheckReadAhead(const Session& session, int direction) {
  if (session.far == nullptr) return;   // its first bytes
  constexpr uint64_t kMostToRoute = 4;  // bytes that say where it goes
  const uint64_t limit =
      scenario_.credit + scenario_.buffer_size + (scenario_.has(Fault::kRoutes) ? kMostToRoute : 0);
  if (session.held(direction) > limit) {
    trace_.Fail("session %d: %d bytes read ahead, credit and buffer are %d", session.id,
                session.held(direction), limit);
  }
}

void Checker::Sent(Socket& socket, bool taken) {
  if (socket.session == nullptr) return;
  Session& session = *socket.session;
  const size_t direction = session.far == &socket ? Session::kUp : Session::kDown;
  if (taken) {
    core::Instant& sent = session.sent[direction];
    if (clock_.Now() > sent + kTolerance) session.sent_before[direction] = sent;
    sent = clock_.Now();
  }
  session.sending[direction] = false;
}

void Checker::OutOfMemory(const Socket& socket, bool sends) {
  Session& session = *socket.session;
  const bool up = sends == (session.far == &socket);
  const size_t direction = up ? Session::kUp : Session::kDown;
  core::OptionalInstant& failed = (sends ? session.send_failed : session.recv_failed)[direction];
  if (!failed) failed = clock_.Now();
}

void Checker::StateHidden(const Socket& socket) {
  Session& session = *socket.session;
  session.doubted[static_cast<size_t>(session.near == &socket ? Session::kUp : Session::kDown)] =
      true;
}

void Checker::ShutDown(Socket& socket) {
  Session& session = *socket.session;
  if (session.half_closed) return;
  session.half_closed = clock_.Now();
  session.first_fin = &socket == session.far ? Session::kUp : Session::kDown;
}

void Checker::PeerGotBytes(const Peer& peer, const std::byte* bytes, size_t count,
                           uint64_t offset) {
  const Session* session = peer.socket().other->session;
  if (session == nullptr || session->far == nullptr) {
    trace_.Fail("%s at socket %d gets bytes of nobody", peer.name(), peer.socket().id);
  }
  const Peer& partner = session->client == &peer ? *session->server : *session->client;
  if (offset + count > partner.socket().total_written) {
    trace_.Fail("session %d: %s gets more bytes than were sent", session->id, peer.name());
  }
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] == StreamByte(partner.key(), offset + i)) continue;
    trace_.Fail("session %d: %s gets a wrong byte at offset %d", session->id, peer.name(),
                offset + i);
  }
}

void Checker::PeerGotEnd(const Peer& peer, uint64_t received) {
  const Session* session = peer.socket().other->session;
  if (session == nullptr || session->far == nullptr) {
    trace_.Fail("%s at socket %d sees a clean end without a partner", peer.name(),
                peer.socket().id);
  }
  const Peer& partner = session->client == &peer ? *session->server : *session->client;
  // Told to close after the first FIN, the proxy ends this direction wherever it is.
  const int direction = session->client == &peer ? Session::kDown : Session::kUp;
  const bool cut = session->first_fin >= 0 && session->first_fin != direction;
  if (scenario_.close_after_fin && cut) return;
  if (!partner.finished_sending()) {
    trace_.Fail("session %d: %s sees a clean end, but %s has not ended cleanly", session->id,
                peer.name(), partner.name());
  }
  const uint64_t own = session->client == &partner ? session->header.bytes.size() : 0;
  if (received + own != partner.socket().total_written) {
    trace_.Fail("session %d: %s sees a clean end after %d bytes, %d were sent", session->id,
                peer.name(), received, partner.socket().total_written - own);
  }
}

void Checker::CheckAtRest() {
  if (first_signal_) {
    core::Instant end = *first_signal_ + scenario_.drain_timeout;
    if (signals_ > 1) end = std::min(end, *last_signal_);
    if (clock_.Now() > end + 2s) trace_.Fail("the proxy does not stop");
  }
  admission_.CheckAtRest(signals_ > 0);
  endpoints_.CheckAtRest(sessions_);
  acts_.CheckAtRest();
  for (Session& session : sessions_) {
    if (!session.live()) continue;
    CheckDeadlines(session);
    headers_.CheckAtRest(session, scenario_.has(Fault::kUpgrade) ? std::nullopt : first_signal_);
    if (session.far == nullptr) {
      CheckConnecting(session);
      CheckRouting(session);
      continue;
    }
    CheckEndsAfterFin(session);
    CheckMoving(session, Session::kUp);
    CheckMoving(session, Session::kDown);
    CheckEndsWhenBroken(session);
    CheckResetPassedOn(session);
  }
}

core::Instant Checker::LingerEnd(const Session& session, core::Instant since) const {
  core::Instant taken = std::max(since, session.near->taken_at);
  if (session.far != nullptr) taken = std::max(taken, session.far->taken_at);
  const core::Instant end = taken + kGrace + kLook + kTolerance;
  if (scenario_.linger == 0s) return end;
  return std::min(end, since + scenario_.linger + kLook + kTolerance);
}

void Checker::CheckLater(const Session& session, core::OptionalInstant since, core::Duration limit,
                         const char* what, bool lingers) {
  if (limit == 0s || !since) return;
  const auto ended = [](const Socket* side) {
    return side != nullptr && (side->reset_arrived || side->closing_at);
  };
  lingers |= ended(session.near) || ended(session.far) || session.broken();
  lingers |= scenario_.close_after_fin && session.half_closed;
  lingers |= PastLifetime(session);
  core::Instant end = *since + limit;
  if (lingers) end = LingerEnd(session, end);
  if (clock_.Now() > end + kTolerance) {
    trace_.Fail("session %d lives on after its %s", session.id, what);
  }
}

void Checker::CheckDeadlines(const Session& s) {
  CheckLater(s, s.began, scenario_.max_lifetime, "max_lifetime", true);
  if (s.far == nullptr) return;
  // Progress is looked for at quarters of a timeout.
  const auto with_look = [](core::Duration timeout) { return timeout / 4 * 5; };
  core::Instant last = s.relaying.value();
  for (size_t i = 0; i < 2; ++i) {
    const int direction = static_cast<int>(i);
    const core::Instant taken = s.to(direction).taken_at;
    last = std::max({last, s.received[i], s.sent[i], taken});
    // Waiting for a turn to send is not idleness, nor is that turn.
    if (pace_.paced()) last = std::max(last, s.send_submitted[i]);
    if (pace_.paced() && s.held(direction) > 0 && s.to(direction).writable()) return;
    if (!s.sending[i]) continue;
    CheckLater(s, std::max({s.send_submitted[i], s.sent[i], taken}),
               with_look(scenario_.write_stall_timeout), "write_stall timeout", true);
  }
  CheckLater(s, last, with_look(scenario_.idle_timeout), "idle timeout");
  if (!s.half_closed) return;
  CheckLater(s, std::max(*s.half_closed, last), with_look(scenario_.half_close_timeout),
             "half_close timeout");
}

// A client that resets ends the connect that is made for it.
void Checker::CheckConnecting(Session& session) {
  if (!session.near->reset_arrived) return;
  if (!session.reset_at) session.reset_at = clock_.Now();
  // Where the client is read first the connect may begin with the reset.
  const bool is_read_first = scenario_.has(Fault::kRoutes) || scenario_.has(Fault::kHeaders);
  const core::Instant watched = std::max(*session.reset_at + (is_read_first ? kWatchAfter : 0s),
                                         *session.began + kWatchAfter);
  if (clock_.Now() > watched + kTolerance) {
    trace_.Fail("session %d: the connect goes on after the client's reset", session.id);
  }
}

// One that has tried no endpoint has no route yet, where it need not wait for an endpoint; and
// surely none as long as its client has said nothing in time. That is the header model's before it
// is known who it is.
void Checker::CheckRouting(const Session& session) const {
  if (!headers_.IsOver(session)) return;
  const bool has_said =
      session.near->total_read > session.header.bytes.size() || session.near->fin_arrived;
  const bool in_time =
      clock_.Now() + kTolerance < session.asks_route_from() + scenario_.route_timeout;
  const bool drains = first_signal_ && !scenario_.has(Fault::kUpgrade) &&
                      clock_.Now() > std::max(*first_signal_, *session.began) + kTolerance;
  if (scenario_.has(Fault::kRoutes) && session.attempts == 0 && !has_said && in_time && drains) {
    trace_.Fail("session %d has no route yet, and a drain does not end it", session.id);
  }
  const bool may_wait = scenario_.has(Fault::kEndpointLimit) || scenario_.has(Fault::kReload) ||
                        scenario_.has(Fault::kWeights) || scenario_.has_probes() ||
                        scenario_.has(Fault::kPassive) || scenario_.has(Fault::kActs) ||
                        scenario_.has(Fault::kUpgrade);
  if (!scenario_.has(Fault::kRoutes) || session.attempts > 0 || may_wait) return;
  if (!session.near->in.empty()) {
    trace_.Fail("session %d: %d bytes are not read to find a route", session.id,
                session.near->in.size());
  }
  const core::Instant since = session.identified.value_or(*session.began);
  if (clock_.Now() > since + scenario_.route_timeout + kTolerance) {
    trace_.Fail("session %d waits too long for its route", session.id);
  }
}

void Checker::CheckEndsAfterFin(const Session& session) {
  if (!scenario_.close_after_fin || !session.half_closed) return;
  if (session.near->reset_arrived || session.far->reset_arrived || session.broken()) return;
  if (clock_.Now() > LingerEnd(session, *session.half_closed)) {
    trace_.Fail("session %d lives on after its first end of stream", session.id);
  }
}

// Nothing waits that could go on, whatever buffers others hold.
void Checker::CheckMoving(Session& session, int direction) {
  const Socket& from = session.from(direction);
  const Socket& to = session.to(direction);
  if (from.reset_arrived || to.reset_arrived || from.closing_at || to.closing_at) return;
  if (PastLifetime(session)) return;                             // CheckDeadlines
  if (session.broken()) return;                                  // CheckEndsWhenBroken
  if (scenario_.close_after_fin && session.half_closed) return;  // CheckEndsAfterFin
  const char* way = direction == Session::kUp ? "up" : "down";
  if (session.held(direction) > 0) {
    if (!to.writable()) {
      session.held_since[static_cast<size_t>(direction)].reset();
    } else if (!pace_.MayHold(session, direction)) {
      trace_.Fail("session %d, %s: %d bytes are held back", session.id, way,
                  session.held(direction));
    }
    return;
  }
  if (!from.in.empty()) {
    trace_.Fail("session %d, %s: %d bytes are not read", session.id, way, from.in.size());
  }
  if (!from.fin_arrived || to.fin_queued) return;
  trace_.Fail("session %d, %s: FIN is not passed on", session.id, way);
}

// A send that fails for want of memory ends the session at once, a recv when what was received
// before has been sent.
void Checker::CheckEndsWhenBroken(const Session& session) {
  for (const int direction : {Session::kUp, Session::kDown}) {
    const auto i = static_cast<size_t>(direction);
    core::OptionalInstant since = session.send_failed[i];
    if (!since && session.held(direction) == 0 && session.recv_failed[i]) {
      since = std::max(*session.recv_failed[i], session.sent[i]);
    }
    if (!since) continue;
    if (clock_.Now() > LingerEnd(session, *since)) {
      trace_.Fail("session %d lives on after a failed %s", session.id,
                  session.send_failed[i] ? "send" : "recv");
    }
  }
}

// A side that is reset, all it had sent before being delivered: the session ends soon, also when
// that direction had ended before. (With an exhausted pool a recv waits for a buffer before it can
// see a reset.)
void Checker::CheckResetPassedOn(Session& session) {
  bool due = false;
  for (const int direction : {Session::kUp, Session::kDown}) {
    const Socket& from = session.from(direction);
    if (session.doubted[static_cast<size_t>(direction)]) return;
    due |= from.reset_arrived && from.in.empty() && session.held(direction) == 0;
  }
  if (!due) return;
  if (!session.reset_at) session.reset_at = clock_.Now();
  if (clock_.Now() > LingerEnd(session, *session.reset_at + kWatchAfter)) {
    trace_.Fail("session %d lives on after a reset", session.id);
  }
}

}  // namespace sluice::sim
