// Peer: a client or an upstream server that follows a script, and misbehaves as it says.
#ifndef SLUICE_TESTS_SIM_PEER_H_
#define SLUICE_TESTS_SIM_PEER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "tests/sim/checker.h"
#include "tests/sim/network.h"
#include "tests/sim/session.h"

namespace sluice::sim {

struct Script {
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  enum class Fin { kAfterSending, kAfterPeersFin, kNever };

  Script(const Scenario& scenario, Random& random);
  std::string ToString() const;

  uint64_t bytes = 0;  // to send
  Fin fin = Fin::kAfterSending;
  size_t write_chunk = 1;
  size_t read_chunk = 1;
  core::Duration write_pause{0};
  core::Duration read_pause{0};
  core::Duration reaction{0};
  uint64_t stall_after = kNever;  // bytes received
  core::Duration stall_for{0};
  uint64_t reset_after_sent = kNever;
  uint64_t reset_after_received = kNever;
  std::optional<core::Duration> reset_after;  // the beginning
  bool reset_after_fin = false;               // its own
  bool reset_after_end = false;               // having seen the other's FIN
  bool close_after_sending = false;           // without reading the rest
  core::Duration patience{0};                 // then it resets, whatever the state
};

class Peer final : public SocketUser {
 public:
  // `stream` numbers the peer: its script and what it sends depend on it and the seed.
  Peer(const Scenario& scenario, Network& network, const SimClock& clock, Checker& checker,
       Trace& trace, Socket& socket, uint64_t stream, const char* name);

  void SocketChanged(Socket& socket) override;

  // Sends this before its script's bytes. Before it has begun.
  void set_header(const SentHeader& header) { header_ = &header; }

  const char* name() const { return name_; }
  uint64_t key() const { return key_; }
  const Socket& socket() const { return socket_; }
  // All of it, with FIN.
  bool finished_sending() const { return fin_sent_; }

 private:
  void WakeAfter(core::Duration delay);
  void Act();
  void ReadSome();
  bool MayRead();
  bool HeaderIsSent() const;
  void WriteHeader();
  void WriteSome();
  void MaybeBreak();
  void MaybeFinish();
  void Reset(const char* why);

  Network& network_;
  const SimClock& clock_;
  Checker& checker_;
  Trace& trace_;
  Socket& socket_;
  const char* const name_;
  Random random_;
  const uint64_t key_;
  const Script script_;
  const SentHeader* header_ = nullptr;  // or none
  size_t header_sent_ = 0;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  core::Instant read_at_;
  core::Instant write_at_;
  core::OptionalInstant stalled_until_;
  core::OptionalInstant wake_at_;
  bool fin_sent_ = false;
  bool saw_end_ = false;
  bool over_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_PEER_H_
