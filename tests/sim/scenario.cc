#include "tests/sim/scenario.h"

#include <algorithm>
#include <iterator>

#include "tests/sim/random.h"

namespace sluice::sim {
namespace {

using core::kMillisecond;
using core::kSecond;

constexpr uint64_t kStream = 1;

void ChooseFaults(Random& random, Scenario& scenario) {
  for (size_t i = 0; i < kFaultCount; ++i) {
    const uint32_t level =
        random.Chance(500) ? 0
                           : static_cast<uint32_t>(random.Chance(700) ? random.Between(20, 200)
                                                                      : random.Between(300, 900));
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

// Zero, or something between `low` and `high`, or an hour when timeouts are not to matter.
core::Nanos ChooseTimeout(Random& random, const Scenario& s, core::Nanos low, core::Nanos high) {
  const core::Nanos timeout = random.Chance(250) ? 0 : random.Skewed(low, high);
  return s.has(Fault::kShortTimeouts) ? timeout / kMillisecond * kMillisecond : 3600 * kSecond;
}

void ChooseTimes(Random& random, Scenario& s) {
  s.latency_max = random.Chance(300) ? 0 : random.Skewed(kMillisecond, 200 * kMillisecond);
  s.clients_within = random.Chance(300) ? 0 : random.Between(0, 5 * kSecond);
  s.connect_timeout = ChooseTimeout(random, s, 300 * kMillisecond, 5 * kSecond);
  if (s.connect_timeout == 0 || s.connect_timeout > 10 * kSecond) s.connect_timeout = 5 * kSecond;
  s.idle_timeout = ChooseTimeout(random, s, 100 * kMillisecond, 20 * kSecond);
  s.half_close_timeout = ChooseTimeout(random, s, 100 * kMillisecond, 10 * kSecond);
  s.write_stall_timeout = ChooseTimeout(random, s, 100 * kMillisecond, 10 * kSecond);
  s.max_lifetime = ChooseTimeout(random, s, 300 * kMillisecond, 20 * kSecond);
  s.drain_timeout = random.Chance(200) ? 0 : random.Skewed(10 * kMillisecond, 20 * kSecond);
  s.drain_timeout = s.drain_timeout / kMillisecond * kMillisecond;
  s.stats_interval = random.Chance(500) ? 0 : random.Between(1, 20) * 100 * kMillisecond;
  const core::Nanos early = random.Between(0, 6 * kSecond);
  s.first_signal = s.has(Fault::kEarlySignal) ? early : 90 * kSecond;
  const core::Nanos second = random.Skewed(0, 10 * kSecond);
  if (s.has(Fault::kSecondSignal)) s.second_signal = s.first_signal + second;
}

}  // namespace

const char* Name(Mutant mutant) {
  constexpr const char* kNames[] = {
      "None",         "DropLastBuffer", "SwapBuffers",       "ResetLooksClean",
      "LoseCancel",   "LeakBuffer",     "IgnoreCredit",      "ForgetStarved",
      "ShutdownCuts", "NoShutdown",     "CloseWithoutReset", "LeakDescriptor",
      "LooseLimit",   "LateTimeouts",   "SlowDrain",         "LoseWakeup"};
  static_assert(std::size(kNames) == static_cast<size_t>(Mutant::kCount));
  return kNames[static_cast<size_t>(mutant)];
}

Scenario::Scenario(const RunOptions& run_options) : options(run_options) {
  Random random(options.seed, kStream);
  ChooseFaults(random, *this);
  ChooseRuntime(random, *this);
  ChooseTimes(random, *this);
  clients = static_cast<uint32_t>(random.Skewed(1, 24));
  endpoints = static_cast<uint32_t>(random.Between(1, 3));
}

}  // namespace sluice::sim
