// Scenario: everything that a seed decides before the simulation begins.
//
// Swarm testing: each seed switches about half of the faults off and turns some of the others up,
// so that rare states are reached which an even mixture of faults never reaches.
#ifndef SLUICE_TESTS_SIM_SCENARIO_H_
#define SLUICE_TESTS_SIM_SCENARIO_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/base/time.h"

namespace sluice::sim {

enum class Fault : uint8_t {
  kReset,           // peers reset, at any point
  kStall,           // peers stop reading, for a while or for ever
  kEarlyClose,      // peers close without having read everything
  kNeverEnds,       // peers do not send their FIN
  kSlow,            // peers pause between reads and writes
  kTinyWindow,      // socket buffers of a few bytes
  kRefuse,          // connects are refused
  kLost,            // connects are never answered
  kConnectError,    // connect fails at once
  kDescriptors,     // EMFILE and the like
  kShortRead,       // recv brings less than there is
  kShortWrite,      // send takes less than it could
  kLateCompletion,  // completions and cancels are seen some turns later
  kSmallPool,       // hardly any buffers
  kSteal,           // tasks change workers
  kDrift,           // time passes while there is work
  kEarlySignal,     // shutdown while everything is under way
  kSecondSignal,    // a second signal while draining
  kSmallLimit,      // few connections allowed
  kShortTimeouts,   // timeouts in the range of the peers' pauses
  // Not faults but limits of the configuration, on or off in the same way.
  kEndpointLimit,  // few connections to each endpoint
  kRate,           // few new connections a second
  kSourceLimit,    // few connections of one network
  kBandwidth,      // few bytes a second
  kBackoff,        // more endpoints, other numbers of attempts, pauses between them
  kJitter,         // max_lifetime is cut by chance
  kCloseAfterFin,  // half_close: close
  // Chosen apart (kFirstApart), so that one more of them leaves a seed's other choices alone.
  kNoMemory,      // a recv or a send fails because memory has run out
  kOtherSignals,  // signals that end nothing
  kTwoAddresses,  // the listener has two
  kWallJumps,     // the time of day is set
  kSteady,        // peers read little at a time, and never stop
  kExchange,      // the topology is exchanged for another one
  kReload,        // endpoints join and leave, upstreams too; limits, weights and policies change
  kWeights,       // endpoints have different weights, 0 too
  kPriorities,    // ... and priorities
  kPolicy,        // they are not chosen by turns; with kReload, now so and now otherwise
  kSlowStart,     // those that join ramp up
  kChecks,        // endpoints are checked, and flap
  kAgents,        // they have agents, which lie
  kPassive,       // they are ejected for what sessions meet
  kUpgrade,       // another binary is to take over, which may die
  kActs,          // an administrator ends sessions, and takes endpoints out and back in
  kGentle,        // at the end, sessions are ended over a drain_window
  kDiscover,      // they are discovered: what a reload would change comes from a source
  kRoutes,        // the listener has routes: it reads what its clients send first
  kHeaders,       // clients come through a balancer that sends PROXY headers, good ones or not
  kCount,
};
inline constexpr size_t kFaultCount = static_cast<size_t>(Fault::kCount);
inline constexpr size_t kFirstApart = static_cast<size_t>(Fault::kNoMemory);

// A mistake planted in the simulated kernel, or in what the proxy asks of it; the checks have to
// find each.
enum class Mutant : uint8_t {
  kNone,
  kDropLastBuffer,     // the buffer that uses up a credit is lost
  kSwapBuffers,        // two buffers arrive in the wrong order
  kResetLooksClean,    // recv says end of stream instead of ECONNRESET, and so does GetPeerState
  kLoseCancel,         // a cancelled op goes on
  kLeakBuffer,         // a buffer is leased at the end of a stream and never given back
  kIgnoreCredit,       // recv goes on after its credit
  kForgetStarved,      // a recv that found no buffer is never tried again
  kShutdownCuts,       // FIN overtakes the bytes before it
  kNoShutdown,         // end of stream is not passed on
  kCloseWithoutReset,  // what should be reset is closed
  kLeakDescriptor,     // now and then a descriptor is not closed
  kLooseLimit,         // the proxy allows one connection more than it was told
  kLateTimeouts,       // the proxy's timeouts are twice as long as it was told
  kSlowDrain,          // so is its drain timeout
  kLoseWakeup,         // now and then a socket's readiness is forgotten
  kLooseEndpoint,      // the proxy allows each endpoint one connection more than it was told
  kLooseSource,        // so it does each source
  kFastRate,           // it lets in twice as many a second
  kFastPace,           // it sends twice as many bytes a second
  kNoTotalPace,        // it knows no bandwidth of all connections together
  kWideJitter,         // sessions end earlier than the jitter allows
  kLateQueueTimeout,   // waiting for an endpoint takes twice as long
  kManyAttempts,       // one endpoint more is tried than it was told
  kNoBackoff,          // there are no pauses between attempts
  kRelayAfterFin,      // half_close: close is not obeyed
  kDeafAfterFin,       // no op is told of a reset after an end of stream
  kFailureLooksClean,  // recv says end of stream instead of ENOMEM
  kNoReserve,          // a recv that finds no buffer waits for one: others may hold it for ever
  kManyBlocks,         // it takes a block of the reserve though it holds others
  kLoseRead,           // a read that was cancelled has taken bytes, and says that it has not
  // Planted in the proxy's own code (plant.py).
  kQueueBackwards,    // the session that comes last is served first
  kQueueSkipped,      // a slot given back goes to no session that waits
  kLeakPlace,         // the slot of a failed connect is not given back
  kTryTwice,          // an endpoint that has failed is tried again
  kPaceStalls,        // waiting for bandwidth counts as a stall
  kPaceForgets,       // now and then a paced send waits far too long
  kLifetimeRelayed,   // max_lifetime does not count while connecting
  kDeafConnecting,    // a client's reset does not end the connect
  kWrongCause,        // every rejection is counted under one cause
  kFailureRelayed,    // a send that fails for want of memory does not end the session
  kAnySignalEnds,     // signals that should be ignored end the proxy
  kWallDurations,     // the access log's durations follow the time of day
  kBlindToTaking,     // what a peer takes of what the kernel holds is no progress
  kFixedLinger,       // after its end a session lasts a second, whatever its reader takes
  kTellsAccepted,     // the records take what was accepted for what was delivered
  kOneRound,          // nothing is tried again once all have failed
  kLateRetry,         // it is tried again for twice as long as told
  kNoRoundPause,      // planted: the next round follows at once
  kFreedTopology,     // planted: a session does not keep what its listener consists of
  kForgetsCounts,     // planted: an exchange counts the listener's connections anew
  kForgetsEndpoints,  // planted: ... and those of the endpoints
  kLateRemoval,       // sessions of what is removed have twice as long as told
  kForgetsPlaces,     // planted: an endpoint that stays is another object after a reload
  kServesLeaver,      // planted: a session that waits gets a slot of an endpoint that has left
  kServesDrained,     // planted: weight 0 is a weight
  kKeepsLimit,        // planted: a limit stays as it was
  kJoinsInSilence,    // planted: an endpoint that joins serves no session that waits
  kServesLastFirst,   // planted: ... and another change serves the one that came first last
  kWaitsForGone,      // planted: sessions wait on when their upstream has been removed
  kNeverLate,         // planted: sessions of an endpoint that was removed go on for ever
  kLingersOn,         // planted: ... those that linger there do
  kOnePriority,       // planted: all priorities are one
  kNoRamp,            // planted: slow_start is forgotten
  kForgetsSource,     // planted: what is hashed is not the source
  kTrustsOneCheck,    // planted: one check of a row changes the state
  kNeverUp,           // planted: a good check is none
  kServesDown,        // planted: what is out gets sessions
  kEjectsAll,         // planted: any number of endpoints are ejected
  kEjectsEarly,       // planted: half of the failures eject
  kKeepsDown,         // planted: on_down: reset is forgotten
  kFearsSilence,      // planted: an agent that is not reached says down
  kChecksTwice,       // planted: a check does not wait for the one before
  kForgetsSessions,   // planted: a set that counts knows nothing of the sessions that there are
  kKeepsPolicy,       // planted: endpoints are chosen as before the reload
  kUpgradeDeafens,    // planted: nothing accepts any more when a successor has died
  kUpgradeHurries,    // planted: a successor is to serve while this process still accepts
  kUpgradeTakesRest,  // planted: what waits at sockets that are handed over is accepted
  kUpgradeTrusts,     // planted: a successor that has died is to serve
  kDeafToKill,        // planted: a session that is killed goes on
  kShedsAtOnce,       // planted: those that are shed end together
  kShedsHalf,         // planted: of those that are to be shed every other one goes on
  kDeafToDrain,       // planted: what an administrator says of an endpoint is not published
  kNoWindow,          // planted: drain_window is forgotten
  kForgetsFound,      // planted: when a source fails, its endpoints are gone
  kIgnoresNews,       // planted: what a source finds later is told, and not used
  kRouteEats,         // planted: what was read to find a route is not sent on
  kRouteLate,         // planted: it is waited for twice as long as told
  kRouteDrains,       // planted: a drain waits for those that have no route yet
  kDoubtIsClean,      // planted: an end of stream of which the kernel says nothing more is one
  kHeaderLeaks,       // planted: the last byte of a PROXY header goes to the server
  kHeaderStays,       // planted: what has come of one is left in the socket meanwhile
  kHeaderPatience,    // planted: its timeout begins again with each byte
  kHeaderUnasked,     // planted: a wrong one is none
  kHeaderUnheard,     // planted: who it says is forgotten
  kHeaderOutlives,    // planted: a drain waits for it
  kVanishedStops,     // planted: what a host sent before it vanished is not relayed
  kOthersError,       // planted: the error is that of the side that broke first
  kNeverForgives,     // planted: who waits is not given what has failed before
  kCount,
};
const char* Name(Mutant mutant);

// What to run: the seed decides all, the rest leaves things out of it.
struct RunOptions {
  uint64_t seed = 1;
  Mutant mutant = Mutant::kNone;
  uint64_t clients = ~uint64_t{0};  // one bit each: which of the clients come
  uint64_t faults = ~uint64_t{0};   // one bit each: which faults stay
  bool trace = false;               // keep the last events and show them on failure
  bool verbose = false;             // show every event as it happens
};

struct Scenario {
  static constexpr uint32_t kEndpointsMax = 5;
  static constexpr uint32_t kPolicies = 7;  // of conf::Balance

  explicit Scenario(const RunOptions& options);

  // Chance per mille; 0: switched off.
  uint32_t level(Fault fault) const { return levels[static_cast<size_t>(fault)]; }
  bool has(Fault fault) const { return level(fault) != 0; }
  // Sessions at once.
  uint32_t most_sessions() const {
    return listener_connections == 0 ? max_connections
                                     : std::min(max_connections, listener_connections);
  }
  // What a reload would change of endpoints comes from a source.
  bool discovers() const { return has(Fault::kDiscover) && has(Fault::kReload); }
  bool has_probes() const { return has(Fault::kChecks) || has(Fault::kAgents); }

  RunOptions options;
  std::array<uint32_t, kFaultCount> levels{};

  uint32_t workers = 1;
  uint32_t completion_style = 0;  // per mille of the ops that go the way of io_uring
  bool multishot = true;
  uint32_t buffers = 64;
  uint32_t buffer_size = 512;
  uint32_t large_buffers = 0;
  uint32_t credit = 2048;
  uint32_t max_connections = 100;
  bool wait_on_limit = false;
  uint32_t descriptors = 1000;

  uint32_t clients = 1;
  uint32_t endpoints = 1;
  std::array<uint32_t, kEndpointsMax> endpoint_limits{};  // 0 = none
  uint32_t attempts = 3;
  uint32_t policy = 0;           // how endpoints are chosen first: the number of a conf::Balance
  uint32_t hash_prefix = 0;      // of a source's address, by which policies choose that hash
  uint32_t hash_load = 0;        // percent of an endpoint's share; 0 = no bound
  core::Duration slow_start{0};  // 0 = off
  core::Duration removed_timeout{0};  // for sessions of what a reload removes; 0: reset at once
  uint32_t listener_connections = 0;  // 0 = none
  uint32_t source_connections = 0;    // 0 = none
  uint32_t source_prefix = 32;
  uint32_t rate_all = 0;  // new connections a second; 0 = no limit
  uint32_t rate_own = 0;
  uint64_t bandwidth_own = 0;  // bytes a second, of each connection; 0 = no limit
  uint64_t bandwidth_total = 0;
  bool close_after_fin = false;
  core::Duration latency_max{0};
  core::Duration clients_within{0};  // they come between 0 and this

  // 0 = none.
  core::Duration connect_timeout{0};
  core::Duration idle_timeout{0};
  core::Duration half_close_timeout{0};
  core::Duration write_stall_timeout{0};
  core::Duration max_lifetime{0};
  core::Duration linger{0};      // 0 = no bound
  uint32_t lifetime_jitter = 0;  // percent
  core::Duration queue_timeout{0};
  core::Duration backoff{0};
  core::Duration retry_for{0};
  // Of checks, agents and ejections, with kChecks and the like.
  core::Duration check_interval{0};
  core::Duration check_timeout{0};
  core::Duration agent_interval{0};
  core::Duration ejection{0};
  uint32_t rise = 1;
  uint32_t fall = 1;
  uint32_t failures = 1;
  bool checks_talk = false;          // or it is enough to connect
  bool resets_down = false;          // on_down: reset
  core::Duration route_timeout{0};   // with kRoutes
  bool route_rejects = false;        // on_timeout: reject
  core::Duration header_timeout{0};  // with kHeaders
  core::Duration drain_timeout{0};
  core::Duration drain_window{0};  // 0 = none
  core::Duration stats_interval{0};
  core::Duration first_signal{0};
  std::optional<core::Duration> second_signal;  // none: there is no second one
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_SCENARIO_H_
