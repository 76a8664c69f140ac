// Checker: what must be true of the proxy, looked at from outside: at its system calls, in its log
// lines, and whenever everything that could be done at a moment has been done ("at rest").
//
// A Session here is a client's connection, from its arrival on; it becomes the proxy's when the
// proxy begins a session for it, and gets its upstream connection when the relaying begins.
#ifndef SLUICE_TESTS_SIM_CHECKER_H_
#define SLUICE_TESTS_SIM_CHECKER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "core/logger.h"
#include "core/op.h"
#include "tests/sim/network.h"

namespace sluice::sim {

class Peer;

struct Session {
  static constexpr int kUp = 0;    // near to far
  static constexpr int kDown = 1;  // far to near

  uint32_t id = 0;
  Peer* client = nullptr;
  Peer* server = nullptr;
  Socket* near = nullptr;  // the proxy's socket to the client
  Socket* far = nullptr;   // the proxy's socket to the server
  core::Nanos began = -1;
  core::Nanos relaying = -1;
  core::Nanos half_closed = -1;
  core::Nanos reset_at = -1;
  core::Nanos ended = -1;
  std::string reason;
  // By direction.
  std::array<core::Nanos, 2> received{};
  std::array<core::Nanos, 2> sent{};
  std::array<core::Nanos, 2> send_submitted{};
  std::array<bool, 2> sending{};

  bool live() const { return began >= 0 && ended < 0; }
  const Socket& from(int direction) const { return direction == kUp ? *near : *far; }
  const Socket& to(int direction) const { return direction == kUp ? *far : *near; }
  // Read by the proxy and not taken from it yet.
  uint64_t held(int direction) const {
    return from(direction).total_read - to(direction).total_written;
  }
};

class Checker final : public core::Logger {
 public:
  Checker(const Scenario& scenario, const SimClock& clock, Trace& trace)
      : Logger(core::LogLevel::kDebug), scenario_(scenario), clock_(clock), trace_(trace) {}

  // The world's side.
  Session& NewSession(Peer& client, Socket& near);
  void SignalSent();
  void CheckAtRest(bool buffers_free);
  // After the server's task has ended and everything has been delivered.
  void CheckEnd();
  std::deque<Session>& sessions() { return sessions_; }

  // The peers' side.
  void PeerGotBytes(const Peer& peer, const std::byte* bytes, size_t count, uint64_t offset);
  void PeerGotEnd(const Peer& peer, uint64_t received);

  // The kernel's side: what the proxy does.
  void Accepted() { ++accepted_; }
  uint32_t SessionBegins(Socket& near);  // the client's address
  void UpstreamOpened();
  void UpstreamClosed() { --upstream_open_; }
  void Connected(Socket& far, const core::Runnable& task) { connected_[&task] = &far; }
  void Submitted(const core::Op& op, Socket& socket);
  void Received(Socket& socket);
  void Sent(Socket& socket, bool taken);
  void ShutDown(Socket& socket);
  void CheckConnect(core::Nanos since);

  // core::Logger
  void Write(core::LogLevel level, std::string_view line) override;
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Nanos) override { return true; }

 private:
  // How much later than told something may happen.
  static constexpr core::Nanos kTolerance = 15 * core::kMillisecond;
  static constexpr core::Nanos kResetLinger = core::kSecond + 50 * core::kMillisecond;

  void SessionEnds(std::string_view line);
  void CheckReason(const Session& session, std::string_view reason, std::string_view by);
  void CheckClosed(const Session& session);
  void CheckTimeoutReason(const Session& session, std::string_view reason);
  void CheckStats(std::string_view line);
  void CheckReadAhead(const Session& session, int direction);
  void CheckDeadlines(const Session& session);
  void CheckMoving(const Session& session, int direction, bool buffers_free);
  void CheckResetPassedOn(Session& session);
  void CheckLater(const Session& session, core::Nanos since, core::Nanos limit, const char* what);

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  std::deque<Session> sessions_;
  std::map<const core::Runnable*, Socket*> connected_;  // the last connection each task has made
  uint32_t upstream_open_ = 0;
  uint32_t live_ = 0;
  uint32_t begun_ = 0;
  uint32_t accepted_ = 0;
  uint32_t signals_ = 0;
  core::Nanos first_signal_ = -1;
  core::Nanos last_signal_ = -1;
  std::string last_stats_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_CHECKER_H_
