// Tally: what one group of connections has done; one thread.
#ifndef SLUICE_LOADTEST_GENERATOR_TALLY_H_
#define SLUICE_LOADTEST_GENERATOR_TALLY_H_

#include <cstdint>

#include "loadtest/generator/histogram.h"

namespace sluice::loadtest {

struct Tally {
  // Within the measured time.
  uint64_t done = 0;  // requests answered; churn: connections
  uint64_t bytes_up = 0;
  uint64_t bytes_down = 0;
  Histogram latency_ns;

  // From the beginning to the end.
  uint64_t connections_ready = 0;
  uint64_t sent = 0;      // requests
  uint64_t answered = 0;  // of these, completely
  uint64_t connect_failed = 0;
  uint64_t broken = 0;      // connections that ended too early
  uint64_t wrong = 0;       // answers to another request, and superfluous or different bytes
  uint64_t unanswered = 0;  // requests without an answer when waiting ended
  uint64_t confirmed = 0;   // endless streams whose length both ends agree upon

  void BeginMeasuring() {
    done = bytes_up = bytes_down = 0;
    latency_ns.Clear();
  }
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_TALLY_H_
