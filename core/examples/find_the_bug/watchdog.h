// Watchdog: a plain thread that notices that a worker is blocked. A task on it cannot: it does not
// run either.
//
//     Watchdog watchdog;
//     Spawn(watchdog.Beat()).Detach();      // a heart that beats in a task
//
//   Beat: a tick each 10 ms ──► beats_ ◄── the thread looks each 10 ms: the same value 100 times in
//                                          a row ──► one sentence on stdout, and the process ends
//
// It counts its own looks and not the time, so a machine that stands still does not alarm it.
#ifndef SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_
#define SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <stop_token>
#include <thread>

#include "core/sluice.h"

class Watchdog {
 public:
  static constexpr int kBlocked = 3;  // the exit code

  sluice::core::Task<void> Beat() {
    using std::chrono_literals::operator""ms;
    while (co_await sluice::core::Sleep(10ms)) ++beats_;
  }
  uint64_t beats() const { return beats_; }

 private:
  void Watch(const std::stop_token& stop) {
    using std::chrono_literals::operator""ms;
    uint64_t seen = 0;
    for (int same = 0; same < 100 && !stop.stop_requested(); ++same) {
      std::this_thread::sleep_for(10ms);
      if (const uint64_t now = beats_; now != seen) {
        seen = now;
        same = 0;
      }
    }
    if (stop.stop_requested()) return;
    std::puts("the worker is blocked: no task has run for a second");
    std::fflush(stdout);
    _exit(kBlocked);
  }

  std::atomic<uint64_t> beats_ = 0;
  std::jthread thread_{[this](const std::stop_token& stop) { Watch(stop); }};
};

#endif  // SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_
