// Checker: what must be true of the proxy, looked at from outside: at its system calls, in its log
// lines, and whenever everything that could be done at a moment has been done ("at rest").
#ifndef SLUICE_TESTS_SIM_CHECKER_H_
#define SLUICE_TESTS_SIM_CHECKER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "core/log/logger.h"
#include "core/reactor/op.h"
#include "tests/sim/act_checker.h"
#include "tests/sim/admission_checker.h"
#include "tests/sim/endpoint_checker.h"
#include "tests/sim/header_model.h"
#include "tests/sim/pace_checker.h"
#include "tests/sim/session.h"

namespace sluice::sim {

class Checker final : public core::Logger {
 public:
  Checker(const Scenario& scenario, const SimClock& clock, Trace& trace)
      : Logger(core::LogLevel::kDebug),
        scenario_(scenario),
        clock_(clock),
        trace_(trace),
        acts_(scenario, clock, trace, sessions_),
        admission_(scenario, clock, trace),
        endpoints_(scenario, clock, trace),
        headers_(scenario, clock, trace),
        pace_(scenario, clock, trace) {}

  // The world's side.
  Session& NewSession(Peer& client, Socket& near);
  void TimeMoves() { rested_at_ = clock_.Now(); }
  void SignalSent();
  bool told_to_stop() const { return signals_ > 0; }
  void CheckAtRest();
  // After the server's task has ended and everything has been delivered.
  void CheckEnd();
  std::deque<Session>& sessions() { return sessions_; }
  ActChecker& acts() { return acts_; }

  // The peers' side.
  void PeerGotBytes(const Peer& peer, const std::byte* bytes, size_t count, uint64_t offset);
  void PeerGotEnd(const Peer& peer, uint64_t received);

  // The kernel's side: what the proxy does.
  void Accepted(Session& session) {
    ++accepted_;
    if (session.client == nullptr) return;
    admission_.Accepted(session);
    endpoints_.Accepted(session);
  }
  void Rejected(const Session& session) { admission_.Rejected(session); }
  void SessionBegins(Session& session, const core::Runnable& task);
  static uint32_t AddressOf(const Session& session);
  // Where its connection comes from.
  uint32_t SocketAddressOf(const Session& session) const;
  // The proxy has taken bytes from a client without an op.
  void TakenNow(Session& session);
  // The session that runs in `task`; null: none does.
  Session* SessionOf(const core::Runnable& task);
  EndpointChecker& endpoints() { return endpoints_; }
  void UpstreamOpened();
  void UpstreamClosed() { --upstream_open_; }
  void Connected(Socket& far, const core::Runnable& task) { connected_[&task] = &far; }
  void Submitted(const core::Op& op, Socket& socket);
  void Received(Socket& socket);
  void Sent(Socket& socket, bool taken);
  void OutOfMemory(const Socket& socket, bool sends);
  void StateHidden(const Socket& socket);
  void ShutDown(Socket& socket);
  void CheckConnect(core::Instant since);

  // core::Logger
  void Write(core::LogLevel level, std::string_view line) override;
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }

 private:
  // After its end a session waits for a reader that takes nothing for a second, and looks now and
  // then.
  static constexpr core::Duration kGrace = 1s;
  static constexpr core::Duration kLook = 300ms;
  // How long a connect, or a session with one end of stream, lasts before resets are watched for.
  static constexpr core::Duration kWatchAfter = 20ms;

  void SessionEnds(std::string_view line);
  void CheckReason(const Session& session, std::string_view reason, std::string_view by);
  void CheckClosed(const Session& session);
  void CheckPassedOn(const Session& session);
  void CheckTimeoutReason(const Session& session, std::string_view reason);
  void CheckCut(const Session& session, int direction, uint64_t undelivered);
  bool MayCut(const Session& session, int direction) const;
  void CheckStats(std::string_view line);
  // A session may be ended at this age.
  core::Duration EarliestLifetime() const {
    return scenario_.max_lifetime / 100 * (100 - scenario_.lifetime_jitter);
  }
  void CheckReadAhead(const Session& session, int direction);
  void CheckDeadlines(const Session& session);
  void CheckMoving(Session& session, int direction);
  void CheckConnecting(Session& session);
  void CheckRouting(const Session& session) const;
  void BeginsToRelay(Session& session, Socket& far);
  void CheckEndsAfterFin(const Session& session);
  void CheckResetPassedOn(Session& session);
  void CheckEndsWhenBroken(const Session& session);
  void CheckLater(const Session& session, core::OptionalInstant since, core::Duration limit,
                  const char* what, bool lingers = false);
  // Until when a session may wait for its readers that ends at `since`.
  core::Instant LingerEnd(const Session& session, core::Instant since) const;
  bool PastLifetime(const Session& session) const {
    return scenario_.max_lifetime != 0s && clock_.Now() >= *session.began + EarliestLifetime();
  }

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  std::deque<Session> sessions_;
  std::map<const core::Runnable*, Socket*> connected_;  // the last connection each task has made
  std::map<const core::Runnable*, Session*> session_of_;
  std::map<std::string, uint64_t, std::less<>> ended_;  // by reason
  ActChecker acts_;
  AdmissionChecker admission_;
  EndpointChecker endpoints_;
  HeaderModel headers_;
  PaceChecker pace_;
  uint32_t upstream_open_ = 0;
  uint32_t begun_ = 0;
  uint32_t accepted_ = 0;
  uint32_t signals_ = 0;
  core::Instant rested_at_ = SimClock::kStart;  // before time last moved on
  core::OptionalInstant first_signal_;
  core::OptionalInstant last_signal_;
  std::string last_stats_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_CHECKER_H_
