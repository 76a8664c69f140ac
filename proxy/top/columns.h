// Columns, and the lists of `sluice top`: one table for each list. Pure.
//
// Where a screen is narrow, columns of the highest rank go first; those of rank 0 stay.
#ifndef SLUICE_PROXY_TOP_COLUMNS_H_
#define SLUICE_PROXY_TOP_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/ctl/json.h"
#include "proxy/top/screen.h"

namespace sluice::proxy {

enum class TopList : uint8_t { kListeners, kUpstreams, kEndpoints, kSessions };
inline constexpr size_t kTopListCount = 4;

constexpr std::string_view Name(TopList list) {
  constexpr std::string_view kNames[kTopListCount] = {"listeners", "upstreams", "endpoints",
                                                      "sessions"};
  return kNames[static_cast<size_t>(list)];
}

// One of a list, now and in the answer before.
struct TopRow {
  const JsonValue& now;
  const JsonValue* before = nullptr;  // null: it was not there
  double seconds = 0;                 // between the two
};

struct TopColumn {
  std::string_view title;
  uint8_t rank = 0;
  std::string (*text)(const TopRow& row) = nullptr;
  // What it is sorted by, the largest first; null: by its text, in the order of the alphabet.
  double (*number)(const TopRow& row) = nullptr;
  // Of sessions and tasks, which the API sorts: its name for this order; "": it has none.
  std::string_view order = "";
  TopLook (*look)(const TopRow& row) = nullptr;
};

std::span<const TopColumn> ColumnsOf(TopList list);

// What tells one from another one, as long as it is there.
std::string KeyOf(TopList list, const JsonValue& row);

// Whether `left` comes before `right` where this column sorts; nothing: it makes no difference.
std::optional<bool> ComesBefore(const TopColumn& column, const TopRow& left, const TopRow& right);

// Whether the column can be sorted by.
bool IsSortable(TopList list, const TopColumn& column);

// "1.2 KiB/s", of bytes in a second.
std::string HumanRate(double bytes_per_second);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_COLUMNS_H_
