// WakeFlag: the handshake between a thread that is about to wait in the kernel and those that want
// it awake; it saves the wake-up system call when the thread is not waiting.
//
//      AWAKE ── BeginSleep: true ──► SLEEPING ── Wake: true, the caller signals ──► WOKEN
//        │ ▲                             │                                            │
//   Wake │ └──────── EndSleep ───────────┴──────────── EndSleep ──────────────────────┘
//        ▼
//      WOKEN ── BeginSleep: false ──► AWAKE
//
// A caller that could not signal takes the flag back (WOKEN ── TakeBack ──► SLEEPING) and owes the
// wake-up: the next Wake, its own or another's, signals again. Should the sleeper be awake by then,
// a wait that it does not begin or a signal too many is all that comes of it.
//
// Threads: Wake any; the others the sleeper. All orders are acq_rel: what was written before Wake
// is seen after BeginSleep answered false or EndSleep returned. Checked by: tests/contract (wake
// from another thread), tests/model.
#ifndef SLUICE_CORE_REACTOR_WAKE_FLAG_H_
#define SLUICE_CORE_REACTOR_WAKE_FLAG_H_

#include <cstdint>

#include "core/base/atomic.h"

namespace sluice::core {

class WakeFlag {
 public:
  // True: the caller has to signal the sleeper (write to its eventfd).
  bool Wake() { return state_.exchange(kWoken, std::memory_order_acq_rel) == kSleeping; }

  // The signal could not be given: Wake is to be called again.
  void TakeBack() {
    uint32_t woken = kWoken;
    state_.compare_exchange_strong(woken, kSleeping, std::memory_order_acq_rel);
  }

  // False: Wake has been called since the last EndSleep: do not wait.
  bool BeginSleep() {
    uint32_t awake = kAwake;
    if (state_.compare_exchange_strong(awake, kSleeping, std::memory_order_acq_rel)) return true;
    state_.exchange(kAwake, std::memory_order_acq_rel);
    return false;
  }

  void EndSleep() { state_.exchange(kAwake, std::memory_order_acq_rel); }

 private:
  static constexpr uint32_t kAwake = 0;
  static constexpr uint32_t kSleeping = 1;
  static constexpr uint32_t kWoken = 2;
  Atomic<uint32_t> state_{kAwake};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_REACTOR_WAKE_FLAG_H_
