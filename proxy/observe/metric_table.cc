#include "proxy/observe/metric_table.h"

#include <numeric>

namespace sluice::proxy {
namespace {

void Append(std::string& line, std::string_view key, uint64_t value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  line += std::to_string(value);
}

// The columns of one row with the keys that `pattern` gives.
void AppendColumns(std::string& line, const MetricRow& row, std::string_view pattern,
                   std::span<const uint64_t> slots, bool only_if_any) {
  if (pattern.empty()) return;
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    const uint64_t sum = std::accumulate(slots.begin(), slots.end(), uint64_t{0});
    if (sum != 0 || !only_if_any) Append(line, pattern, sum);
    return;
  }
  const std::span<const std::string_view> values = row.labels[row.label_count() - 1].values;
  for (size_t v = 0; v < values.size(); ++v) {
    uint64_t sum = 0;
    for (size_t slot = v; slot < slots.size(); slot += values.size()) sum += slots[slot];
    if (values[v].empty() || (sum == 0 && only_if_any)) continue;
    std::string key(pattern);
    Append(line, key.replace(star, 1, values[v]), sum);
  }
}

}  // namespace

std::string StatsLine(std::span<const MetricRow> rows, std::span<const uint64_t> values) {
  std::string line;
  for (const bool only_if_any : {false, true}) {
    size_t offset = 0;
    for (const MetricRow& row : rows) {
      AppendColumns(line, row, only_if_any ? row.if_any : row.always,
                    values.subspan(offset, row.slot_count()), only_if_any);
      offset += row.slot_count();
    }
  }
  return line;
}

}  // namespace sluice::proxy
