// How the access log's formats write times and durations.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_

#include <chrono>
#include <string>

#include "core/base/time.h"

namespace sluice::proxy {

// "2026-01-31T23:59:59.000123Z".
void AppendTime(std::chrono::sys_time<std::chrono::microseconds> time, std::string& out);

// "12.345", milliseconds rounded down; `duration` is not negative.
void AppendMillis(core::Duration duration, std::string& out);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_UNITS_H_
