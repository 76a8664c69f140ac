#include "proxy/session/session_rates.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {
namespace {

uint64_t PerSecond(uint64_t bytes, core::Duration time) {
  // Of a session that has just begun, as if it were a millisecond old.
  const core::Duration at_least = std::max<core::Duration>(time, 1ms);
  return static_cast<uint64_t>(static_cast<double>(bytes) * 1e9 /
                               static_cast<double>(at_least.count()));
}

}  // namespace

void SessionRates::Rate(std::vector<SessionRow>& rows, core::Instant now) {
  absl::MutexLock lock(&mutex_);
  if (!latest_.at || now - *latest_.at >= kShortest) {
    before_ = std::exchange(latest_, {.at = now, .bytes = {}});
    latest_.bytes.reserve(rows.size());
    for (const SessionRow& row : rows) {
      latest_.bytes[row.id] = {.up = row.bytes_up, .down = row.bytes_down};
    }
  }
  for (SessionRow& row : rows) {
    const auto found = before_.bytes.find(row.id);
    const bool is_known = found != before_.bytes.end();
    const Bytes since = is_known ? found->second : Bytes{.up = 0, .down = 0};
    const core::Duration time = is_known ? now - *before_.at : row.age;
    row.rate_up = PerSecond(row.bytes_up - since.up, time);
    row.rate_down = PerSecond(row.bytes_down - since.down, time);
  }
}

}  // namespace sluice::proxy
