// Table: rows for people, in columns that are as wide as they need to be.
#ifndef SLUICE_PROXY_CTL_TABLE_H_
#define SLUICE_PROXY_CTL_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::proxy {

// The first row has the headings. What a terminal might obey is escaped.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// "0 B", "1.5 KiB", "12 MiB": three digits at most in front of the unit.
std::string HumanBytes(int64_t bytes);

// "870us", "1.5ms", "2.3s", and then as HumanSeconds.
std::string HumanMicros(int64_t microseconds);

// "59s", "3m 20s", "2h 5m", "4d 3h".
std::string HumanSeconds(int64_t seconds);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_TABLE_H_
