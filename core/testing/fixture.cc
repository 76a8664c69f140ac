#include "core/testing/fixture.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::core::testing {
namespace {

char replay[64];  // written by a handler of signals

// The process is about to end, by a check, or by an alarm.
void TellSeed(int signal) {
  (void)!write(STDERR_FILENO, replay, std::strlen(replay));
  raise(signal);  // its handler has been reset
}

void SetSeed(uint64_t seed) {
  std::snprintf(replay, sizeof(replay), "SLUICE_SEED=%llu runs this order again\n",
                static_cast<unsigned long long>(seed));
}

}  // namespace

void ForEachSeed(uint64_t count, absl::FunctionRef<void(uint64_t seed)> body) {
  struct sigaction tell = {};
  tell.sa_handler = TellSeed;
  tell.sa_flags = SA_RESETHAND | SA_NODEFER;
  struct sigaction before[2] = {};
  constexpr int kSignals[] = {SIGABRT, SIGALRM};
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &tell, &before[i]);
  const char* const only = std::getenv("SLUICE_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const uint64_t last = only == nullptr ? count : first;
  for (uint64_t seed = first; seed <= last && !::testing::Test::HasFailure(); ++seed) {
    SetSeed(seed);
    body(seed);
  }
  if (::testing::Test::HasFailure()) std::fputs(replay, stderr);
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &before[i], nullptr);
}

}  // namespace sluice::core::testing
