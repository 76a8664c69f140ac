// Session: a client's connection, from its arrival on, as the checks see it. It becomes the proxy's
// when the proxy begins a session for it, and gets its upstream connection when the relaying
// begins. What has not happened has no time.
#ifndef SLUICE_TESTS_SIM_SESSION_H_
#define SLUICE_TESTS_SIM_SESSION_H_

#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/wall_clock.h"

namespace sluice::sim {

class Peer;
struct Place;
struct Pool;

// What a balancer sends before the client's bytes; empty: nothing.
struct SentHeader {
  std::string bytes;
  bool is_wrong = false;
  bool names_client = false;  // it says who it is
  size_t chunk = 1;           // is sent at a time,
  core::Duration pause{0};    // and then nothing for that long
};

// When a session asked for an endpoint.
struct Asking {
  uint64_t number = 0;  // among all that asked
  core::Instant from;   // no earlier
  core::Instant until;  // no later
  bool at_once() const { return from == until; }
};

struct Session {
  static constexpr int kUp = 0;    // near to far
  static constexpr int kDown = 1;  // far to near

  uint32_t id = 0;
  Peer* client = nullptr;
  Peer* server = nullptr;
  Socket* near = nullptr;  // the proxy's socket to the client
  Socket* far = nullptr;   // the proxy's socket to the server
  SentHeader header;
  core::OptionalInstant identified;  // all of it has been read, and it is a good one
  core::OptionalInstant began;
  core::OptionalInstant began_from;  // what a worker's last look at the clock may have been then
  core::OptionalInstant relaying;
  core::OptionalInstant half_closed;
  core::OptionalInstant reset_at;
  core::OptionalInstant killed_at;  // by an administrator
  core::OptionalInstant ended;
  std::string reason;
  std::string by;
  WallClock::Time wall_end;  // the time of day at the end
  bool recorded = false;     // in the access log
  // By direction.
  std::array<core::Instant, 2> received{};
  std::array<core::Instant, 2> sent{};
  std::array<core::Instant, 2> sent_before{};  // the last time that was not about the same
  std::array<core::Instant, 2> send_submitted{};
  std::array<bool, 2> sending{};
  std::array<uint64_t, 2> allowed{};  // sent, or handed to a send
  std::array<core::OptionalInstant, 2>
      held_since{};  // at rest, with a receiver that would take more
  // A recv or a send failed because memory had run out.
  std::array<core::OptionalInstant, 2> recv_failed{};
  std::array<core::OptionalInstant, 2> send_failed{};
  std::array<bool, 2> doubted{};  // the proxy was not told whether its sender has reset
  int first_fin = -1;             // the direction that ended first
  // Its way to an upstream; see endpoint_checker.h.
  Pool* pool = nullptr;                  // its upstream; null: not known
  const Pool* accepted_for = nullptr;    // the current one when it was accepted
  bool accepted_surely = false;          // ... and before, since the last rest
  Place* place = nullptr;                // whose connection it has, or is making
  std::vector<Place*> perhaps;           // ... any of these, where it is not known which
  bool connecting = false;               // or has a connection, though its place is not known
  bool placed_surely = false;            // it is known to be of that place
  uint32_t policies = 0;                 // of its upstream when it began
  core::OptionalInstant late_at;         // the time of the endpoint that it had is over then
  core::OptionalInstant down_at;         // ... has gone down by its checks then
  std::vector<const Place*> tried;       // in this round
  std::vector<const Place*> tried_last;  // in the round before
  uint32_t most_in_round = 1;
  uint64_t round_began = 0;     // after so many rests
  uint32_t attempts = 0;        // sockets asked for
  uint32_t in_round = 0;        // of these, since all endpoints could be tried last
  uint32_t rounds = 0;          // that are over
  bool began_in_queue = false;  // this round did: it was given what it had tried
  bool is_late = false;         // retry_for is over, and it waits on for what it has not tried
  core::Instant first_try;      // when it asked for its first socket
  bool gave_up = false;         // nothing may be tried any more
  bool ran_out = false;         // of descriptors or the like, at the last attempt
  Asking asked;                 // for an endpoint, last
  uint64_t asked_in = 0;        // after so many rests
  Asking turn;                  // as `asked`, or kept from before if it is back
  Asking earliest;              // the one that it may have kept
  bool retries = false;         // it was given what it had tried, and keeps its turn if that fails
  bool is_back = false;         // that has failed
  bool has_retried = false;     // ever
  bool found_room = false;      // there was a free slot when it asked

  bool broken(int direction) const {
    return recv_failed[static_cast<size_t>(direction)].has_value() ||
           send_failed[static_cast<size_t>(direction)].has_value();
  }
  bool broken() const { return broken(kUp) || broken(kDown); }
  bool has_doubts() const { return doubted[kUp] || doubted[kDown]; }
  bool live() const { return began && !ended; }
  // The time for its route counts from here, or later.
  core::Instant asks_route_from() const { return identified.value_or(*began_from); }
  const Socket& from(int direction) const { return direction == kUp ? *near : *far; }
  const Socket& to(int direction) const { return direction == kUp ? *far : *near; }
  // Read by the proxy and not taken from it yet.
  uint64_t held(int direction) const {
    const uint64_t own = direction == kUp ? header.bytes.size() : 0;
    return from(direction).total_read - own - to(direction).total_written;
  }
};

// The session of the client with this address, as the proxy writes it; null: there is none.
inline Session* SessionOfClient(std::deque<Session>& sessions, const std::string& client) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (std::sscanf(client.c_str(), "%u.%u.%u.%u:1", &a, &b, &c, &d) != 4) return nullptr;
  if (a != 10 && a != 11) return nullptr;  // its own, or its balancer's
  return &sessions.at((b << 16 | c << 8 | d) - 1);
}

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_SESSION_H_
