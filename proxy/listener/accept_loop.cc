#include "proxy/listener/accept_loop.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/io/accept_stream.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/session/identify.h"
#include "proxy/session/session.h"

namespace sluice::proxy {
namespace {

using core::IoResult;
using core::Worker;

// After a failed accept: doubled each time, so that it neither spins nor keeps clients waiting when
// descriptors come back one by one.
constexpr core::Duration kMinPause = 5ms;
constexpr core::Duration kMaxPause = 100ms;

using core::CurrentReactor;

// Why the connection has not been admitted; kNone: it has been.
Rejection CauseOf(const Admission::Result& result) {
  if (const auto* slot = std::get_if<WaitForSlot>(&result)) return slot->cause;
  if (const auto* until = std::get_if<WaitUntil>(&result)) return until->cause;
  const auto* rejection = std::get_if<Rejection>(&result);
  return rejection == nullptr ? Rejection::kNone : *rejection;
}

Admission::Result Admit(const AcceptContext& context, const ListenerState& listener, int connection,
                        WhenExhausted when_exhausted) {
  Admission& admission = *listener.admission();
  core::Address client;
  const bool needs_client = admission.needs_client() || !listener.access().empty();
  if (needs_client) client = CurrentReactor().PeerAddress(connection);
  // Behind a balancer that is trusted the session decides, when it knows the client. One that was
  // not asked for its address counts for no source, even if a reload brings a limit just now.
  const bool is_known =
      needs_client && (listener.identify == nullptr || !listener.identify->trusted.Trust(client));
  if (is_known && !listener.access().Allow(client)) return Rejection::kAccess;
  Admission::Result result = admission.Admit(client, Worker::Current()->Now(), when_exhausted,
                                             is_known ? CountSource::kNow : CountSource::kLater);
  if (!std::holds_alternative<Ticket>(result)) {
    context.log.Shortage(listener.name(), CauseOf(result), when_exhausted,
                         context.limits.connections.max(), connection);
  }
  return result;
}

void Start(const AcceptContext& context, const ListenerState& listener, int connection,
           Ticket ticket) {
  const Worker& here = *Worker::Current();
  const uint32_t chosen = context.limits.placement.Choose(here.index());
  ticket.share = context.limits.placement.Take(chosen);
  const auto runtime = core::RuntimeHandle::Current();
  Worker* const other = chosen == here.index() ? nullptr : &runtime.worker(chosen);
  core::IntrusivePtr<const SessionContext> reference(&listener);
  context.sessions.Spawn(RunSession(std::move(reference), connection, std::move(ticket)), other,
                         {"session"});
}

void WriteRejection(const ListenerState& listener, int connection, Rejection cause) {
  using std::chrono::microseconds;
  core::Reactor& reactor = CurrentReactor();
  const core::Address client = reactor.PeerAddress(connection);
  std::string rule;
  if (cause == Rejection::kAccess) rule = listener.access().RejectingRule(client);
  listener.access_log->Write(
      {.kind = RecordKind::kRejected,
       .began_at = std::chrono::floor<microseconds>(std::chrono::system_clock::now()),
       .listener = listener.name(),
       .client = client,
       .upstream = listener.upstream->name(),
       .rejection = cause,
       .local = reactor.LocalAddress(connection),
       .rule = rule});
}

void Reject(const AcceptContext& context, const ListenerState& listener, int connection,
            Rejection cause) {
  context.log.Rejected(listener.name(), cause, listener.throttles()->of[static_cast<size_t>(cause)],
                       connection);
  if (listener.records_rejected && listener.access_log != nullptr) {
    WriteRejection(listener, connection, cause);
  }
  CurrentReactor().SetResetOnClose(connection);
  CurrentReactor().CloseNow(connection);
}

// `result` does not ask to wait.
void StartOrReject(const AcceptContext& context, const ListenerState& listener, int connection,
                   Admission::Result result) {
  WorkerStats& stats = listener.stats->of(Worker::Current()->index());
  if (auto* ticket = std::get_if<Ticket>(&result)) {
    core::Count(stats.at("accepted_total"));
    Start(context, listener, connection, std::move(*ticket));
    return;
  }
  core::Count(stats.at("rejections_total", CauseOf(result)));
  Reject(context, listener, connection, CauseOf(result));
}

bool HasToWait(const Admission::Result& result) {
  return std::holds_alternative<WaitForSlot>(result) || std::holds_alternative<WaitUntil>(result);
}

}  // namespace

void StartOrReject(const AcceptContext& context, const ListenerState& listener, int connection) {
  StartOrReject(context, listener, connection,
                Admit(context, listener, connection, WhenExhausted::kReject));
}

core::Task<void> PauseAccepting(const AcceptContext& context, const ListenerState& listener,
                                int error, core::Duration pause) {
  if (error == ECONNABORTED || error == EPROTO)
    co_return;  // the client was faster: nothing is short
  core::Count(listener.stats->of(Worker::Current()->index()).at("accept_pauses_total"));
  context.log.CannotAccept(listener.name(), error, kMaxPause);
  (void)co_await core::Sleep(pause);
}

core::Task<void> AcceptLoop::Run(int socket) {
  socket_ = co_await DuplicateSocket(socket);
  if (socket_ < 0) co_return;
  is_unix_ = CurrentReactor().LocalAddress(socket_).is_unix();
  core::IntrusivePtr<ListenerState> listener = source_.CurrentListener();
  while (listener) {
    co_await core::Select(AcceptForOneTerm(*listener), listener->end_of_term().Cancelled());
    core::IntrusivePtr<ListenerState> next = source_.CurrentListener();
    if (!next && in_hand_ >= 0) StartOrReject(context_, *listener, std::exchange(in_hand_, -1));
    listener = std::move(next);
  }
  CurrentReactor().CloseNow(socket_);
}

// A descriptor of this worker's own: a backend waits for one thing per descriptor and direction.
// Returns -1 if the loop is to end before there is one.
core::Task<int> AcceptLoop::DuplicateSocket(int socket) {
  for (;;) {
    const core::IntrusivePtr<ListenerState> listener = source_.CurrentListener();
    if (!listener) co_return -1;
    IoResult<int> fd = CurrentReactor().Duplicate(socket);
    if (fd.ok()) co_return *fd;
    co_await PauseAccepting(context_, *listener, fd.error(), kMaxPause);
  }
}

core::Task<void> AcceptLoop::AcceptForOneTerm(const ListenerState& listener) {
  const WhenExhausted when_exhausted = listener.when_exhausted();
  // To leave what is over the limit to the kernel, connections are taken one by one.
  core::AcceptStream arrivals(socket_, when_exhausted == WhenExhausted::kWait);
  core::Duration pause = kMinPause;
  IoResult<int> accepted = 0;
  for (;;) {
    // The notice of the end is still on its way. One by one means that no other is taken now; but
    // the accept may have been asked to end just as it took this one, and then goes on to its end.
    if (in_hand_ >= 0 && listener.term_ended() && when_exhausted == WhenExhausted::kWait &&
        !arrivals.in_flight()) {
      co_return;
    }
    if (in_hand_ >= 0 && !listener.term_ended()) {
      accepted = std::exchange(in_hand_, -1);
    } else {
      accepted = co_await arrivals.Next();
      if (is_unix_ && accepted.ok()) CurrentReactor().PrepareStream(*accepted);
    }
    if (accepted.ok() && listener.term_ended()) {
      LeaveToNextTerm(listener, *accepted);
    } else if (accepted.ok()) {
      pause = kMinPause;
      Admission::Result result = Admit(context_, listener, *accepted, when_exhausted);
      if (HasToWait(result)) {
        co_await Wait(listener, *accepted, std::move(result));
      } else {
        StartOrReject(context_, listener, *accepted, std::move(result));
      }
    } else if (accepted.error() == ECANCELED) {
      co_return;  // the term has ended
    } else {
      co_await PauseAccepting(context_, listener, accepted.error(), pause);
      pause = std::min(pause * 2, kMaxPause);
    }
  }
}

// The next term begins with the connection; a second one is treated at once, by the listener that
// has the address by now.
void AcceptLoop::LeaveToNextTerm(const ListenerState& listener, int connection) {
  if (in_hand_ < 0) {
    in_hand_ = connection;
    return;
  }
  const core::IntrusivePtr<ListenerState> next = source_.CurrentListener();
  StartOrReject(context_, next ? *next : listener, connection);
}

// Until the connection is admitted or rejected, or the term ends: then it stays in hand.
core::Task<void> AcceptLoop::Wait(const ListenerState& listener, int connection,
                                  Admission::Result result) {
  while (HasToWait(result)) {
    ConnectionLimit* limit = nullptr;
    if (const auto* slot = std::get_if<WaitForSlot>(&result)) {
      limit = slot->limit;
      co_await limit->FreeSlot();
    } else {
      const core::Instant at = std::get<WaitUntil>(result).at;
      (void)co_await core::Sleep(at - Worker::Current()->Now());
    }
    if (listener.term_ended()) {
      if (limit != nullptr) limit->PassOn();
      SLUICE_CHECK(in_hand_ < 0);  // one by one
      in_hand_ = connection;
      co_return;
    }
    result = Admit(context_, listener, connection, listener.when_exhausted());
    if (limit != nullptr && !std::holds_alternative<Ticket>(result)) limit->PassOn();
  }
  StartOrReject(context_, listener, connection, std::move(result));
}

}  // namespace sluice::proxy
