// Durations and sizes as text with a unit, read and written.
//
// Durations: whole numbers with us, ms, s, m, h or d, also several from large to small: `1m30s`.
// Sizes: one whole number with B, KiB, MiB, GiB, kB, MB or GB. A bare number, 0 too, is an error.
// Rates: a whole number or a size, then /s. Percentages: a whole number, then %. Errors:
// InvalidArgument, a sentence that says why; OutOfRange if the type cannot hold it. What was
// probably meant is found by conf/text/guess.h.

#ifndef SLUICE_CONF_TEXT_UNITS_H_
#define SLUICE_CONF_TEXT_UNITS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/time.h"

namespace sluice::conf {

absl::StatusOr<core::Duration> ParseDuration(std::string_view text);
absl::StatusOr<uint64_t> ParseSize(std::string_view text);
absl::StatusOr<uint64_t> ParseRate(std::string_view text);      // per second
absl::StatusOr<uint64_t> ParseByteRate(std::string_view text);  // bytes per second
absl::StatusOr<uint64_t> ParsePercent(std::string_view text);

// The shortest exact form that parses back to the same value: "1m30s", "0s"; "64KiB", "1000B". Of a
// duration it has what can be written: whole microseconds.
std::string FormatDuration(core::Duration duration);
std::string FormatSize(uint64_t bytes);
std::string FormatRate(uint64_t per_second);
std::string FormatByteRate(uint64_t bytes_per_second);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_UNITS_H_
