// Session: what one session holds, and its stages. Internal to this folder; session.cc has the list
// of the stages, and each of them has a file of its own.
//
// What is a member here is held by every session for as long as it lives. What only one stage needs
// belongs into that stage's coroutine, what only few sessions need behind a pointer.
#ifndef SLUICE_PROXY_SESSION_SESSION_STATE_H_
#define SLUICE_PROXY_SESSION_SESSION_STATE_H_

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "core/sched/worker.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"
#include "proxy/identity/proxy_header.h"
#include "proxy/session/callbacks.h"
#include "proxy/session/deadlines.h"
#include "proxy/session/head.h"
#include "proxy/session/header_search.h"
#include "proxy/session/identify.h"
#include "proxy/session/pacer.h"
#include "proxy/session/pump.h"
#include "proxy/session/session.h"
#include "proxy/session/session_end.h"
#include "proxy/session/session_registry.h"
#include "proxy/session/timeline.h"
#include "proxy/upstream/connector.h"

namespace sluice::proxy {

using core::CurrentReactor;
using ContextRef = core::IntrusivePtr<const SessionContext>;

class Session final : public FlowOwner, public SessionCallbacks, public SessionEntry {
 public:
  Session(const SessionContext& context, int client)
      : end_(context.close_after_fin), context_(&context), client_(client) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The stages. None of them is inlined: what they need is not to be held in the session's frame.
  [[gnu::noinline]] void Begin(const core::Context& here);  // session.cc
  // Until it is connected, or has ended. `held`: the reference that the session holds.
  [[gnu::noinline]] core::Task<void> Approach(ContextRef& held, Ticket& ticket);  // session.cc
  [[gnu::noinline]] void BeginRelay(core::Waiter& pumps);                         // relay.cc
  [[gnu::noinline]] core::Task<void> Flush();                                     // linger.cc
  [[gnu::noinline]] void Close(Ticket& ticket);                                   // linger.cc
  [[gnu::noinline]] void LookAtSockets();                                         // session.cc
  [[gnu::noinline]] void Report();                                                // session.cc

  bool connected() const { return upstream_ >= 0; }
  bool needs_flush() const { return connected() && end_.NeedsFlush(); }
  Flow& up() { return up_; }
  Flow& down() { return down_; }

 private:
  struct Pace {
    Pacer up;
    Pacer down;
  };
  // What was read to find a route, until it is sent.
  struct Routed {
    Head head;
    std::string server;  // the name of the server that the client asks for, or ""
    std::string alpn;    // the protocol that it offers, if it is one alone
  };
  // What only few sessions have.
  struct Extras {
    std::unique_ptr<Pace> pace;                   // null: no limit of bandwidth
    std::unique_ptr<ClientIdentity> identity;     // null: the socket says all
    std::unique_ptr<Routed> routed;               // null: nothing was read before
    std::unique_ptr<const core::Address> source;  // of its connection; null: not the client's
  };

  core::Task<void> ApproachInStages(ContextRef& held, Ticket& ticket);            // session.cc
  core::Task<void> Identify(Ticket& ticket, core::Runnable& task);                // identify.cc
  core::Task<void> Route(ContextRef& held, ContextRef by, core::Runnable& task);  // route.cc
  core::Task<void> Connect();                                                     // connect.cc

  // FlowOwner: relay.cc.
  Stats& stats() override { return *context().stats; }
  void SendBegins(Flow& flow, core::Instant now) override;
  bool FlowEnded(Flow& flow, FlowEnd end, int error) override;
  void ResetAfterEnd(Flow& flow) override;
  void BuffersShort() override;
  Pacer& PacerOf(const Flow& flow) override {
    return flow.is_up ? extras_->pace->up : extras_->pace->down;
  }
  Head TakeHead(Flow& flow) override;
  bool WaitsForHead(const Flow& flow) const override;
  core::Task<int> AwaitHead(Flow& flow) override;  // identify.cc

  // SessionEntry: session.cc.
  void Describe(SessionRow& row, const Viewer& viewer) const override;
  const Endpoint* endpoint() const override { return slot_.valid() ? &slot_.endpoint() : nullptr; }
  void OnKill(const EndReason& reason) override;
  void WriteInterim(const Interim& interim) const override;
  friend class LeftRegistry;
  [[gnu::noinline]] bool Leave();
  // What rows show, and other threads read (SessionRegistry, R1).
  template <typename F>
  void Change(F change) {
    if (is_listed()) {
      context().registry->Change(*this, change);
    } else {
      change();
    }
  }

  // SessionCallbacks: session.cc.
  void OnTimer() override;
  void OnShutdown() override;

  // What sessions of a listener share; nothing reads the member itself.
  const SessionContext& context() const { return *context_; }
  const SessionTimeouts& limits() const { return context_->timeouts; }

  // session.cc
  void Tell(const EndEvent& event);
  void Stop();
  void WaitIn(SessionStage stage, core::Runnable& task);
  void LookAgainAt(core::Instant deadline) {
    if (!end_.ended()) EnsureTimer(deadline);
  }
  void LookAgainAt(core::OptionalInstant deadline) {
    if (deadline) LookAgainAt(*deadline);
  }

  Extras& extras();  // session.cc

  // identify.cc
  const ClientIdentity* identity() const {
    return extras_ == nullptr ? nullptr : extras_->identity.get();
  }
  core::Address ClientAddress() const;
  ProxiedConnection AddressesToSend() const;
  std::string HeaderToSend();
  int Conclude(HeaderSearch& search, HeaderSearch::Found found, const core::Address& peer);
  void KeepIdentity(ClientIdentity identity);
  void KeepHeld(HeaderSearch& search);
  void RejectHeader(const char* why);
  void Decide(const core::Address& peer, Ticket& ticket);

  // route.cc
  const Routed* routed() const { return extras_ == nullptr ? nullptr : extras_->routed.get(); }
  static ContextRef InForce(const ContextRef& held);
  core::Duration TimeToRoute(core::Duration timeout) const;
  void GoTo(ContextRef& held, const ContextRef& routed_by, const SessionContext& to);

  // connect.cc
  uint64_t KeyOfClient() const;
  const core::Address& KeepSource();

  // relay.cc
  void StartPace();
  bool HasHead() const;
  [[gnu::noinline]] void FirstBytes(Flow& flow, core::Instant now);
  EndEvent EventOf(const Flow& flow, FlowEnd end, int error) const;
  static bool IsGone(int fd, int error);
  bool LooksReset(const Flow& flow) const;
  bool IsPassedOnNow(EndActions::PassOn pass_on, const Flow& flow) const;
  core::OptionalInstant CheckTimes(core::Instant now);
  core::Delivery Look(Flow& flow, core::Instant now);
  bool LookForProgress(core::Instant now);

  // linger.cc
  bool NeedsFlush(const Flow& flow, core::Instant now) const;
  bool StillTakes(Flow& flow, core::Instant begun_at, core::Instant now);
  bool EndpointIsLate() const;
  void CloseClient();
  void CloseUpstream();
  void NoteUndelivered(const Flow& flow);
  [[gnu::noinline]] void TellHealth();
  void CountEnd();
  void FollowEndpoint(core::Runnable* task);

  // Differs from that of every other session that began at the same time.
  uint64_t Seed() const {
    return static_cast<uint64_t>(started_at_.since_origin().count()) ^
           static_cast<uint64_t>(client_) << 48;
  }
  static Initiator SenderOf(const Flow& flow) {
    return flow.is_up ? Initiator::kClient : Initiator::kUpstream;
  }

  SessionEnd end_;
  const SessionContext* context_;  // changed once, when it is routed
  bool leaves_ = false;            // waiter() is LeftRegistry
  bool is_killed_ = false;         // there is nothing to flush any more
  int client_;                     // -1: closed
  int upstream_ = -1;              // until it is connected, and when it is closed
  EndpointSlot slot_;
  std::unique_ptr<Timeline> timeline_;  // null: no log asks for it
  std::unique_ptr<Extras> extras_;      // null: it has none of them
  core::CancelScope* scope_ = nullptr;
  core::Instant started_at_;
  core::OptionalInstant half_closed_at_;  // none: both directions are open
  // What the kernel said that the peers have taken, when it was asked last.
  uint32_t taken_up_ = 0;
  uint32_t taken_down_ = 0;
  Flow up_{.owner = *this, .credit = context_->credit, .is_up = true};
  Flow down_{.owner = *this, .credit = context_->credit, .is_up = false};
};

// `co_await LeftRegistry(session)`: until nothing tells it any more that it is to end. Nothing
// cancels it.
class LeftRegistry final : public core::Waiter {
 public:
  explicit LeftRegistry(Session& session) : session_(session) {}
  bool await_ready() { return session_.Leave(); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    session_.set_waiter(*this);
    session_.leaves_ = true;
  }
  void await_resume() const noexcept {}
  void OnReady() override { handle_.resume(); }
  void Cancel() override {}

 private:
  Session& session_;
  std::coroutine_handle<> handle_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_STATE_H_
