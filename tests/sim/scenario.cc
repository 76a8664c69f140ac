#include "tests/sim/scenario.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "tests/sim/random.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kStream = 1;
constexpr uint64_t kStreamApart = 5;
constexpr uint64_t kStreamLinger = 6;
constexpr uint64_t kStreamRetry = 7;
constexpr uint64_t kStreamPolicy = 9;
constexpr uint64_t kStreamCrowd = 11;
constexpr uint64_t kStreamHealth = 12;
constexpr uint64_t kStreamGentle = 15;
constexpr uint64_t kStreamRoutes = 16;
constexpr uint64_t kStreamHeaders = 17;

void ChooseFaults(Random& random, Scenario& scenario) {
  Random apart(scenario.options.seed, kStreamApart);
  for (size_t i = 0; i < kFaultCount; ++i) {
    Random& source = i < kFirstApart ? random : apart;
    const uint32_t level =
        source.Chance(500) ? 0
                           : static_cast<uint32_t>(source.Chance(700) ? source.Between(20, 200)
                                                                      : source.Between(300, 900));
    if ((scenario.options.faults >> i & 1) != 0) scenario.levels[i] = level;
  }
}

void ChooseRuntime(Random& random, Scenario& s) {
  s.workers = static_cast<uint32_t>(random.Between(1, 3));
  const uint32_t styles[] = {0, 1000, 1000, 500};
  s.completion_style = styles[random.Below(std::size(styles))];
  s.multishot = random.Chance(700);
  s.buffer_size = uint32_t{32} << random.Below(7);
  s.credit = s.buffer_size * static_cast<uint32_t>(random.Between(1, 8));
  s.large_buffers = random.Chance(300) ? static_cast<uint32_t>(random.Between(1, 4)) : 0;
  const auto few = static_cast<uint32_t>(random.Between(1, 4));
  s.buffers = s.has(Fault::kSmallPool) ? few : 256;
  const auto descriptors = static_cast<uint32_t>(random.Between(8, 24));
  if (s.has(Fault::kDescriptors)) s.descriptors = descriptors;
  const auto connections = static_cast<uint32_t>(random.Between(1, 4));
  if (s.has(Fault::kSmallLimit)) s.max_connections = connections;
  s.wait_on_limit = random.Chance(500);
}

// Of milliseconds, as the configuration has them.
core::Duration Whole(core::Duration time) {
  return std::chrono::floor<std::chrono::milliseconds>(time);
}

// Zero, or something between `low` and `high`, or an hour when timeouts are not to matter.
core::Duration ChooseTimeout(Random& random, const Scenario& s, core::Duration low,
                             core::Duration high) {
  const core::Duration timeout = random.Chance(250) ? 0s : random.Skewed(low, high);
  return s.has(Fault::kShortTimeouts) ? Whole(timeout) : 1h;
}

void ChooseTimes(Random& random, Scenario& s) {
  s.latency_max = random.Chance(300) ? 0s : random.Skewed(1ms, 200ms);
  s.clients_within = random.Chance(300) ? 0s : random.Between(0s, 5s);
  s.connect_timeout = ChooseTimeout(random, s, 300ms, 5s);
  if (s.connect_timeout == 0s || s.connect_timeout > 10s) s.connect_timeout = 5s;
  s.idle_timeout = ChooseTimeout(random, s, 100ms, 20s);
  s.half_close_timeout = ChooseTimeout(random, s, 100ms, 10s);
  s.write_stall_timeout = ChooseTimeout(random, s, 100ms, 10s);
  s.max_lifetime = ChooseTimeout(random, s, 300ms, 20s);
  s.drain_timeout = Whole(random.Chance(200) ? 0s : random.Skewed(10ms, 20s));
  s.stats_interval = random.Chance(500) ? 0s : random.Between(1, 20) * 100ms;
  const core::Duration early = random.Between(0s, 6s);
  s.first_signal = s.has(Fault::kEarlySignal) ? early : 90s;
  const core::Duration second = random.Skewed(0s, 10s);
  if (s.has(Fault::kSecondSignal)) s.second_signal = s.first_signal + second;
}

// From a stream of its own: the seed's other choices stay.
void ChooseLinger(Scenario& s) {
  Random random(s.options.seed, kStreamLinger);
  const core::Duration some = random.Skewed(50, 10000) * 1ms;
  s.linger = random.Chance(200) ? 0s : random.Chance(500) ? 60s : some;
}

void ChooseRoutes(Scenario& s) {
  Random random(s.options.seed, kStreamRoutes);
  s.route_timeout = Whole(random.Skewed(10ms, 3s));
  s.route_rejects = random.Chance(300);
}

uint32_t Few(Random& random, uint32_t most) {
  return static_cast<uint32_t>(random.Between(1, most));
}

void ChooseLimits(Random& random, Scenario& s) {
  const uint32_t connections = random.Chance(500) ? 0 : Few(random, 4);
  if (s.has(Fault::kSmallLimit)) s.listener_connections = connections;
  const uint32_t sources = Few(random, 3);
  const uint32_t prefix = 32 - Few(random, 4);
  if (s.has(Fault::kSourceLimit)) {
    s.source_connections = sources;
    s.source_prefix = prefix;
  }
  const uint64_t which_rate = random.Below(3);
  const auto rate_all = static_cast<uint32_t>(random.Skewed(1, 100));
  const auto rate_own = static_cast<uint32_t>(random.Skewed(1, 100));
  if (s.has(Fault::kRate)) {
    s.rate_all = which_rate != 0 ? rate_all : 0;
    s.rate_own = which_rate != 1 ? rate_own : 0;
  }
  const uint64_t which_bandwidth = random.Below(3);
  const auto own = static_cast<uint64_t>(random.Skewed(1000, 200000));
  const auto total = static_cast<uint64_t>(random.Skewed(2000, 400000));
  if (s.has(Fault::kBandwidth)) {
    s.bandwidth_own = which_bandwidth != 0 ? own : 0;
    s.bandwidth_total = which_bandwidth != 1 ? total : 0;
  }
  const auto jitter = static_cast<uint32_t>(random.Between(1, 50));
  if (s.has(Fault::kJitter)) s.lifetime_jitter = jitter;
  s.close_after_fin = s.has(Fault::kCloseAfterFin);
}

void ChooseUpstream(Random& random, Scenario& s) {
  const auto endpoints = Few(random, Scenario::kEndpointsMax);
  const auto attempts = Few(random, Scenario::kEndpointsMax);
  const core::Duration backoff = random.Skewed(1, 400) * 1ms;
  if (s.has(Fault::kBackoff)) {
    s.endpoints = endpoints;
    s.attempts = attempts;
    s.backoff = backoff;
  }
  const core::Duration queue_timeout = random.Chance(200) ? 0ms : random.Skewed(50, 20000) * 1ms;
  const bool unlimited_too = random.Chance(200);
  for (uint32_t i = 0; i < s.endpoints; ++i) {
    const uint32_t limit = unlimited_too && random.Chance(300) ? 0 : Few(random, 3);
    if (s.has(Fault::kEndpointLimit)) s.endpoint_limits[i] = limit;
  }
  s.queue_timeout = queue_timeout;
}

// From a stream of its own.
void ChoosePolicy(Scenario& s) {
  Random random(s.options.seed, kStreamPolicy);
  const auto policy = static_cast<uint32_t>(random.Below(Scenario::kPolicies));
  const uint32_t prefix = 32 - Few(random, 4);
  const uint32_t load = random.Chance(300) ? 125 : 0;
  if (s.has(Fault::kPolicy)) {
    s.policy = policy;
    s.hash_prefix = prefix;
    s.hash_load = load;
  }
  const core::Duration slow_start = random.Skewed(100, 10000) * 1ms;
  if (s.has(Fault::kSlowStart)) s.slow_start = slow_start;
  s.removed_timeout = random.Chance(300) ? 0s : random.Skewed(10, 10000) * 1ms;
}

// Likewise.
void ChooseHealth(Scenario& s) {
  Random random(s.options.seed, kStreamHealth);
  s.check_interval = random.Between(4, 40) * 50ms;
  s.check_timeout = random.Between(5, 20) * 50ms;
  s.agent_interval = random.Between(4, 40) * 50ms;
  s.ejection = random.Between(2, 40) * 100ms;
  s.rise = Few(random, 3);
  s.fall = Few(random, 4);
  s.failures = Few(random, 4);
  s.checks_talk = random.Chance(700);
  s.resets_down = random.Chance(500) && s.has(Fault::kChecks);
}

// Likewise. It is no longer than drain_timeout, as the configuration has to have it.
void ChooseGentle(Scenario& s) {
  Random random(s.options.seed, kStreamGentle);
  const core::Duration window = Whole(random.Skewed(50ms, 10s));
  if (s.has(Fault::kGentle)) s.drain_window = std::min(window, s.drain_timeout);
}

// Many clients: some wait for an endpoint when a reload comes, or come back to the one of their
// source before and after it.
void ChooseCrowd(Scenario& s) {
  Random random(s.options.seed, kStreamCrowd);
  const bool may_wait = s.has(Fault::kEndpointLimit);
  const bool may_stick = !may_wait && s.has(Fault::kPolicy);
  if (!s.has(Fault::kReload) || (!may_wait && !may_stick) || random.Chance(500)) return;
  s.clients = static_cast<uint32_t>(random.Between(10, 24));
  s.clients_within = random.Between(2s, 8s);
  if (may_stick) return;
  s.clients_within = random.Between(0s, 2s);
  s.queue_timeout = random.Between(1000, 8000) * 1ms;
  if (s.has(Fault::kSlowStart)) s.slow_start = random.Between(2000, 10000) * 1ms;
}

// A source over its limit is known at accept, or not before the header: the simulation has the
// first.
void ChooseHeaders(Scenario& s) {
  Random random(s.options.seed, kStreamHeaders);
  s.header_timeout = Whole(random.Skewed(50ms, 5s));
  if (s.has(Fault::kHeaders)) s.source_connections = 0;
}

constexpr const char* kMutantNames[] = {
    "None",
    "DropLastBuffer",
    "SwapBuffers",
    "ResetLooksClean",
    "LoseCancel",
    "LeakBuffer",
    "IgnoreCredit",
    "ForgetStarved",
    "ShutdownCuts",
    "NoShutdown",
    "CloseWithoutReset",
    "LeakDescriptor",
    "LooseLimit",
    "LateTimeouts",
    "SlowDrain",
    "LoseWakeup",
    "LooseEndpoint",
    "LooseSource",
    "FastRate",
    "FastPace",
    "NoTotalPace",
    "WideJitter",
    "LateQueueTimeout",
    "ManyAttempts",
    "NoBackoff",
    "RelayAfterFin",
    "DeafAfterFin",
    "FailureLooksClean",
    "NoReserve",
    "ManyBlocks",
    "LoseRead",
    "QueueBackwards",
    "QueueSkipped",
    "LeakPlace",
    "TryTwice",
    "PaceStalls",
    "PaceForgets",
    "LifetimeRelayed",
    "DeafConnecting",
    "WrongCause",
    "FailureRelayed",
    "AnySignalEnds",
    "WallDurations",
    "BlindToTaking",
    "FixedLinger",
    "TellsAccepted",
    "OneRound",
    "LateRetry",
    "NoRoundPause",
    "FreedTopology",
    "ForgetsCounts",
    "ForgetsEndpoints",
    "LateRemoval",
    "ForgetsPlaces",
    "ServesLeaver",
    "ServesDrained",
    "KeepsLimit",
    "JoinsInSilence",
    "ServesLastFirst",
    "WaitsForGone",
    "NeverLate",
    "LingersOn",
    "OnePriority",
    "NoRamp",
    "ForgetsSource",
    "TrustsOneCheck",
    "NeverUp",
    "ServesDown",
    "EjectsAll",
    "EjectsEarly",
    "KeepsDown",
    "FearsSilence",
    "ChecksTwice",
    "ForgetsSessions",
    "KeepsPolicy",
    "UpgradeDeafens",
    "UpgradeHurries",
    "UpgradeTakesRest",
    "UpgradeTrusts",
    "DeafToKill",
    "ShedsAtOnce",
    "ShedsHalf",
    "DeafToDrain",
    "NoWindow",
    "ForgetsFound",
    "IgnoresNews",
    "RouteEats",
    "RouteLate",
    "RouteDrains",
    "DoubtIsClean",
    "HeaderLeaks",
    "HeaderStays",
    "HeaderPatience",
    "HeaderUnasked",
    "HeaderUnheard",
    "HeaderOutlives",
    "VanishedStops",
    "OthersError",
    "NeverForgives",
};
static_assert(std::size(kMutantNames) == static_cast<size_t>(Mutant::kCount));

}  // namespace

const char* Name(Mutant mutant) { return kMutantNames[static_cast<size_t>(mutant)]; }

Scenario::Scenario(const RunOptions& run_options) : options(run_options) {
  Random retry(options.seed, kStreamRetry);
  if (retry.Chance(500)) retry_for = retry.Skewed(10, 8000) * 1ms;
  Random random(options.seed, kStream);
  ChooseFaults(random, *this);
  ChooseRuntime(random, *this);
  ChooseTimes(random, *this);
  ChooseLinger(*this);
  clients = static_cast<uint32_t>(random.Skewed(1, 24));
  endpoints = static_cast<uint32_t>(random.Between(1, 3));
  ChooseLimits(random, *this);
  ChooseUpstream(random, *this);
  ChoosePolicy(*this);
  ChooseCrowd(*this);
  ChooseHealth(*this);
  ChooseGentle(*this);
  ChooseRoutes(*this);
  ChooseHeaders(*this);
}

}  // namespace sluice::sim
