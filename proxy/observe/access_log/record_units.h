// How the access log's formats write times and durations.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_

#include <cstdint>
#include <string>

#include "core/base/clock.h"

namespace sluice::proxy {

// "2026-01-31T23:59:59.000123Z" for microseconds since 1970.
void AppendTime(int64_t since_epoch_us, std::string& out);

// "12.345", milliseconds rounded down; `nanos` is not negative.
void AppendMillis(core::Nanos nanos, std::string& out);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_
