// ToStream of an Interval: the times at which its ticks were due. It has no end.
//
//     ToStream(Interval(30s)) | Take(10)
//
// A cancelled Next takes no tick. Threads: inside one task.
// Checked by: tests/core/streams/sources_test.cc.
#ifndef SLUICE_CORE_STREAMS_FROM_INTERVAL_H_
#define SLUICE_CORE_STREAMS_FROM_INTERVAL_H_

#include <optional>

#include "core/base/time.h"
#include "core/streams/stream.h"
#include "core/streams/then.h"
#include "core/time/interval.h"

namespace sluice::core {

namespace internal {

class IntervalStream {
 public:
  explicit IntervalStream(const Interval& interval) : interval_(interval) {}

  auto Next() {
    return Then([this] { return interval_.Tick(); },
                [](std::optional<Instant> due_at) {
                  return due_at.has_value() ? Item<Instant>(*due_at)
                                            : Item<Instant>(StreamCancelled());
                });
  }

 private:
  Interval interval_;
};

}  // namespace internal

inline auto ToStream(const Interval& interval) { return internal::IntervalStream(interval); }

}  // namespace sluice::core

#endif  // SLUICE_CORE_STREAMS_FROM_INTERVAL_H_
