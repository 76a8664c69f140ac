#include "proxy/session/session.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "core/base/counter.h"
#include "core/task/join.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {

using core::Duration;
using core::Worker;

void Session::Begin(const core::Context& here) {
  scope_ = here.scope;
  started_at_ = Worker::Current()->Now();
  timeline_ = Timeline::IfAsked(context(), client_);
  if (SessionRegistry* const registry = context().registry) {
    registry->Enter(*this, *here.task, Worker::Current()->index());
  }
  Register(context().end_all, *here.task);
  LookAgainAt(ExpiryOf(limits(), started_at_, Seed()));
}

// For events after which nothing else is to be done.
void Session::Tell(const EndEvent& event) {
  if (end_.On(event).stop) Stop();
}

// Whatever still runs is asked to end.
void Session::Stop() {
  if (waiter() != nullptr) {
    waiter()->Cancel();
  } else {
    scope_->Cancel();
  }
}

// A stage before Connect begins, in which a drain ends it at once.
void Session::WaitIn(SessionStage stage, core::Runnable& task) {
  SetStage(stage);
  if (Unregister()) Register(context().end_unrouted, task);
}

// As rare as what it is about.
Session::Extras& Session::extras() {
  if (extras_ == nullptr) {
    auto extras = std::make_unique<Extras>();
    Change([&] { extras_ = std::move(extras); });
  }
  return *extras_;
}

// Before it is routed: a drain has begun. Else the time for it is over; or its endpoint has been
// removed and it is late.
void Session::OnShutdown() {
  const bool waits = stage() == SessionStage::kIdentify || stage() == SessionStage::kRoute;
  if (waits || context().end_all.cancelled()) {
    Tell({.kind = EndEvent::Kind::kShutdown});
  } else {
    Tell({.kind = EndEvent::Kind::kDeadline, .cause = EndCause::kEndpointRemoved});
  }
  MaybeResume();
}

// Also while it is flushed: then that is cut short, and the reason stays as it is.
void Session::OnKill(const EndReason& reason) {
  is_killed_ = true;
  if (stage() == SessionStage::kFlush) {
    scope_->Cancel();
  } else {
    Tell({.kind = EndEvent::Kind::kKill, .sender = reason.initiator, .cause = reason.cause});
  }
  if (leaves_) waiter()->OnReady();
}

bool Session::Leave() { return context().registry == nullptr || context().registry->Leave(*this); }

// Any thread, under the registry's lock.
void Session::Describe(SessionRow& row, const Viewer& viewer) const {
  row.age = viewer.now - started_at_;
  const core::Instant last_at = std::max({started_at_, up_.LastByteAt(), down_.LastByteAt()});
  row.idle = std::max<Duration>(viewer.now - last_at, 0s);
  row.bytes_up = up_.Bytes();
  row.bytes_down = down_.Bytes();
  if (viewer.detail == RowDetail::kNumbers) return;
  row.listener = context().listener;
  row.upstream = context().upstream->name();
  if (slot_.valid()) row.endpoint = slot_.endpoint().name();
  if (client_ >= 0) row.peer = viewer.sockets.PeerAddress(client_);
  const ClientIdentity* const known = identity();
  row.client = known != nullptr && known->has_address() ? known->header.source : row.peer;
  if (viewer.detail == RowDetail::kNames) return;
  SessionPaths& paths = row.paths.emplace();
  if (client_ >= 0) {
    paths.client = viewer.sockets.GetPathQuality(client_);
    paths.buffered_down = viewer.sockets.GetDelivery(client_).pending;
  }
  if (upstream_ >= 0) {
    paths.upstream = viewer.sockets.GetPathQuality(upstream_);
    paths.buffered_up = viewer.sockets.GetDelivery(upstream_).pending;
  }
}

void Session::OnTimer() {
  if (!end_.ended()) LookAgainAt(CheckTimes(Worker::Current()->clock().Now()));
  MaybeResume();
}

// What is known only while the sockets are open. The kernel's first estimate of a round trip comes
// with the first answer: 0 is none.
void Session::LookAtSockets() {
  const bool is_recorded = timeline_ != nullptr && context().access_log != nullptr;
  if (!is_recorded && !context().measures_paths) return;  // two system calls
  core::Reactor& reactor = CurrentReactor();
  WorkerStats& stats = context().stats->of(Worker::Current()->index());
  SessionSockets sockets;
  if (is_recorded) {
    sockets = SessionSockets::Of(reactor, client_, upstream_);
    timeline_->NoteSockets(sockets);
  } else {
    sockets.client_path = reactor.GetPathQuality(client_);
    if (upstream_ >= 0) sockets.upstream_path = reactor.GetPathQuality(upstream_);
  }
  const core::PathQuality& client = sockets.client_path;
  const core::PathQuality& upstream = sockets.upstream_path;
  using Micros = std::chrono::microseconds;
  if (client.rtt_us != 0) stats.Observe("client_round_trip_seconds", Micros(client.rtt_us));
  if (upstream.rtt_us != 0) stats.Observe("upstream_round_trip_seconds", Micros(upstream.rtt_us));
  core::Count(stats.at("retransmits_total", PathSide::kClient), client.retransmits);
  core::Count(stats.at("retransmits_total", PathSide::kUpstream), upstream.retransmits);
}

// Any thread, under the registry's lock.
void Session::WriteInterim(const Interim& interim) const {
  if (timeline_ == nullptr || context().access_log == nullptr) return;
  if (!interim.IsDue(started_at_)) return;
  timeline_->WriteInterim(context(),
                          {.id = id(),
                           .started_at = started_at_,
                           .total = interim.now - started_at_,
                           .bytes_up = up_.Bytes(),
                           .bytes_down = down_.Bytes()},
                          SessionSockets::Of(interim.sockets, client_, upstream_));
}

void Session::Report() {
  if (timeline_ == nullptr) return;
  const Duration total = Worker::Current()->clock().Now() - started_at_;
  timeline_->Report(context(), {.id = id(),
                                .started_at = started_at_,
                                .total = total,
                                .bytes_up = up_.Bytes(),
                                .bytes_down = down_.Bytes(),
                                .reason = end_.reason(),
                                .error = end_.error()});
}

// The stages. One frame for the life of the session: everything that lasts is in it, everything
// else is not.
//
// Those before Connect (Approach) are run only where the listener asks for one of them: then each
// is a coroutine of its own, and else there is no frame for them, only a branch. What they have
// read of the stream is the head of the flow up (head.h), and what they reject has ended and goes
// on with Close. The configuration is taken when they are over: a session goes on with the settings
// that are in force then, and with the upstream that its route names. What counted until then
// (accepted_total, the registry) is the listener's, and so are its ticket, whose limits are kept by
// the context that it began with, and what has identified its client.
core::Task<void> Session::Approach(ContextRef& held, Ticket& ticket) {
  const bool connects_at_once = context().identify == nullptr && context().routing == nullptr;
  return connects_at_once ? Connect() : ApproachInStages(held, ticket);
}

core::Task<void> Session::ApproachInStages(ContextRef& held, Ticket& ticket) {
  core::Runnable& task = *(co_await core::CurrentContext()).task;
  if (context().identify != nullptr) co_await Identify(ticket, task);
  if (end_.ended()) co_return;
  if (ContextRef by = InForce(held); by->routing != nullptr) {
    co_await Route(held, std::move(by), task);
  } else {
    GoTo(held, by, *by);
  }
  if (end_.ended()) co_return;
  if (!Unregister()) {  // a drain has begun just now
    Tell({.kind = EndEvent::Kind::kShutdown});
    co_return;
  }
  Register(context().end_all, task);
  SetStage(SessionStage::kConnect);
  LookAgainAt(ExpiryOf(limits(), started_at_, Seed()));
  co_await Connect();
}

core::Root<void> RunSession(ContextRef context, int client, Ticket ticket) {
  Session session(*context, client);
  session.Begin(co_await core::CurrentContext());
  co_await session.Approach(context, ticket);
  if (session.connected()) {
    auto pumps = core::Join(Pump(session.up()), Pump(session.down()));
    session.BeginRelay(pumps);
    co_await pumps;
  }
  co_await CallbacksStopped{session};
  session.LookAtSockets();
  if (session.needs_flush()) co_await session.Flush();
  co_await LeftRegistry{session};
  session.Close(ticket);
  session.Report();
}

}  // namespace sluice::proxy
