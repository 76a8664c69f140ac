// SessionRates: how fast sessions move bytes now. A session counts bytes and knows no rates: they
// are found by looking twice.
//
//   look at 0 s ── rates since each session's beginning, and a snapshot
//   look at 5 s ── rates since 0 s, and a snapshot
//   look at 5.2 s ── rates since 0 s: less than kShortest after a snapshot says little
//
// It holds two snapshots of all sessions, whose number is bounded.
// Threads: any.
// Checked by: tests/proxy/session/session_rates_test.cc.
#ifndef SLUICE_PROXY_SESSION_SESSION_RATES_H_
#define SLUICE_PROXY_SESSION_SESSION_RATES_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "core/base/time.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

class SessionRates {
 public:
  static constexpr core::Duration kShortest = 1s;

  // Sets the rates of `rows`, which are all sessions at `now`.
  void Rate(std::vector<SessionRow>& rows, core::Instant now);

 private:
  struct Bytes {
    uint64_t up;
    uint64_t down;
  };
  struct Snapshot {
    core::OptionalInstant at;
    absl::flat_hash_map<uint64_t, Bytes> bytes;  // by the session's id
  };

  absl::Mutex mutex_;
  Snapshot before_ ABSL_GUARDED_BY(mutex_);  // at least kShortest before the next one
  Snapshot latest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_RATES_H_
