// The fields of a log line, "key=word ".
#ifndef SLUICE_TESTS_SIM_LOG_LINE_H_
#define SLUICE_TESTS_SIM_LOG_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::sim {

// The word after `key`; empty: there is none.
inline std::string_view Field(std::string_view line, std::string_view key) {
  const size_t begin = line.find(std::string(" ") + std::string(key) + "=");
  if (begin == std::string_view::npos) return "";
  line.remove_prefix(begin + key.size() + 2);
  return line.substr(0, line.find(' '));
}

// `missing`: when there is none.
inline uint64_t Number(std::string_view line, std::string_view key,
                       uint64_t missing = ~uint64_t{0}) {
  const std::string_view field = Field(line, key);
  return field.empty() ? missing : std::stoull(std::string(field));
}

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_LOG_LINE_H_
