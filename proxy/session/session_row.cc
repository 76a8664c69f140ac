#include "proxy/session/session_row.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::proxy {
namespace {

bool IsOrAny(std::string_view wanted, std::string_view is) {
  return wanted.empty() || wanted == is;
}

bool IsClient(const std::string& wanted, const core::Address& client) {
  if (wanted.empty()) return true;
  const std::string text = client.ToString();
  if (wanted == text) return true;
  if (!client.is_ip()) return false;
  const std::string_view host = std::string_view(text).substr(0, text.rfind(':'));
  if (host == wanted) return true;
  return host.starts_with('[') && host.substr(1, host.size() - 2) == wanted;
}

uint64_t KeyOf(const SessionRow& row, SessionOrder order) {
  switch (order) {
    case SessionOrder::kAge:
      return static_cast<uint64_t>(row.age.count());
    case SessionOrder::kIdle:
      return static_cast<uint64_t>(row.idle.count());
    case SessionOrder::kBytes:
      return row.bytes_up + row.bytes_down;
    case SessionOrder::kBytesUp:
      return row.bytes_up;
    case SessionOrder::kBytesDown:
      return row.bytes_down;
    case SessionOrder::kRoundTrip:
      if (!row.paths) return 0;
      return std::max(row.paths->client.rtt_us, row.paths->upstream.rtt_us);
    case SessionOrder::kRate:
      return row.rate_up + row.rate_down;
  }
  return 0;
}

}  // namespace

bool Matches(const SessionFilter& filter, const SessionRow& row) {
  return IsOrAny(filter.listener, row.listener) && IsOrAny(filter.upstream, row.upstream) &&
         IsOrAny(filter.endpoint, row.endpoint) && (!filter.stage || *filter.stage == row.stage) &&
         row.age >= filter.min_age && row.idle >= filter.min_idle &&
         row.bytes_up + row.bytes_down >= filter.min_bytes && IsClient(filter.client, row.client);
}

SessionPage Select(std::vector<SessionRow> rows, const SessionQuery& query) {
  std::erase_if(rows, [&query](const SessionRow& row) { return !Matches(query.filter, row); });
  std::ranges::sort(rows, [&query](const SessionRow& a, const SessionRow& b) {
    const uint64_t of_a = KeyOf(a, query.order);
    const uint64_t of_b = KeyOf(b, query.order);
    if (of_a == of_b) return a.id < b.id;
    return query.reversed ? of_a < of_b : of_a > of_b;
  });
  SessionPage page{.rows = {}, .total = rows.size()};
  const size_t begin = std::min(query.offset, rows.size());
  const size_t end = begin + std::min(query.limit, rows.size() - begin);
  const auto at = [&rows](size_t index) { return rows.begin() + static_cast<ptrdiff_t>(index); };
  page.rows.assign(std::make_move_iterator(at(begin)), std::make_move_iterator(at(end)));
  return page;
}

}  // namespace sluice::proxy
