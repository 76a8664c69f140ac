#include "proxy/top/columns.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proxy/ctl/table.h"

namespace sluice::proxy {
namespace {

int64_t SumOf(const JsonValue& object) {
  int64_t sum = 0;
  for (const auto& [key, value] : object.fields) sum += value.number;
  return sum;
}

std::string Limit(const JsonValue& value) { return value.number == 0 ? "-" : value.Line(); }

// Of a counter, in a second.
double RateOf(const TopRow& row, std::string_view key) {
  if (row.before == nullptr || row.seconds <= 0) return 0;
  const int64_t difference = row.now[key].number - (*row.before)[key].number;
  return static_cast<double>(std::max<int64_t>(difference, 0)) / row.seconds;
}

std::string Rate(const TopRow& row, double rate) { return row.before ? HumanRate(rate) : "-"; }

template <size_t N>
struct Literal {
  constexpr Literal(const char (&text)[N]) { std::copy_n(text, N, this->text); }
  char text[N];
};

template <Literal key>
std::string Text(const TopRow& row) {
  return row.now[key.text].Line();
}
template <Literal key>
double Number(const TopRow& row) {
  return static_cast<double>(row.now[key.text].number);
}
template <Literal key>
std::string Bytes(const TopRow& row) {
  return HumanBytes(row.now[key.text].number);
}
template <Literal key>
std::string Seconds(const TopRow& row) {
  return HumanSeconds(row.now[key.text].number);
}
template <Literal key>
std::string LimitText(const TopRow& row) {
  return Limit(row.now[key.text]);
}
template <Literal key>
double Rising(const TopRow& row) {
  return RateOf(row, key.text);
}
template <Literal key>
std::string RisingBytes(const TopRow& row) {
  return Rate(row, RateOf(row, key.text));
}

std::string New(const TopRow& row) {
  return row.before ? absl::StrFormat("%.1f", RateOf(row, "sessions_total")) : "-";
}
std::string Rejected(const TopRow& row) { return std::to_string(SumOf(row.now["rejections"])); }
double RejectedNumber(const TopRow& row) {
  return static_cast<double>(SumOf(row.now["rejections"]));
}
std::string Usable(const TopRow& row) {
  return absl::StrCat(row.now["usable"].Line(), "/", row.now["endpoints"].Line());
}
double UsableShare(const TopRow& row) {
  return static_cast<double>(row.now["usable"].number) /
         static_cast<double>(std::max<int64_t>(row.now["endpoints"].number, 1));
}
TopLook UsableLook(const TopRow& row) {
  const int64_t usable = row.now["usable"].number;
  if (usable == 0) return TopLook::kBad;
  return usable < row.now["endpoints"].number ? TopLook::kWarn : TopLook::kGood;
}
std::string EndpointName(const TopRow& row) {
  return absl::StrCat(row.now["upstream"].Line(), "/", row.now["name"].Line());
}
TopLook HealthLook(const TopRow& row) {
  if (row.now["health"].text != "up") return TopLook::kBad;
  return row.now["usable"].flag ? TopLook::kGood : TopLook::kWarn;
}
TopLook StateLook(const TopRow& row) {
  return row.now["state"].text == "ready" ? TopLook::kPlain : TopLook::kWarn;
}
std::string SessionEndpoint(const TopRow& row) {
  const std::string endpoint = row.now["endpoint"].text;
  return absl::StrCat(row.now["upstream"].Line(), "/", endpoint.empty() ? "-" : endpoint);
}
std::string Client(const TopRow& row) {
  return row.now["client"].text.empty() ? "UNIX socket" : row.now["client"].Line();
}
std::string SessionRate(const TopRow& row) {
  return HumanRate(static_cast<double>(row.now["rate_up"].number + row.now["rate_down"].number));
}
std::string RoundTrips(const TopRow& row) {
  if (!row.now.fields.contains("client_rtt_us")) return "";
  return absl::StrCat(row.now["client_rtt_us"].Line(), "/", row.now["upstream_rtt_us"].Line(),
                      " us");
}
double Zero(const TopRow&) { return 0; }  // the API sorts

constexpr TopColumn kListeners[] = {
    {.title = "LISTENER", .text = Text<"name">},
    {.title = "UPSTREAM", .rank = 2, .text = Text<"upstream">},
    {.title = "ACTIVE", .text = Text<"sessions_active">, .number = Number<"sessions_active">},
    {.title = "LIMIT",
     .rank = 4,
     .text = LimitText<"max_connections">,
     .number = Number<"max_connections">},
    {.title = "NEW/S", .rank = 1, .text = New, .number = Rising<"sessions_total">},
    {.title = "REJECTED", .rank = 3, .text = Rejected, .number = RejectedNumber},
    {.title = "UP", .text = RisingBytes<"bytes_up">, .number = Rising<"bytes_up">},
    {.title = "DOWN", .text = RisingBytes<"bytes_down">, .number = Rising<"bytes_down">},
    {.title = "ADDRESSES", .rank = 5, .text = Text<"addresses">},
};
constexpr TopColumn kUpstreams[] = {
    {.title = "UPSTREAM", .text = Text<"name">},
    {.title = "USABLE", .text = Usable, .number = UsableShare, .look = UsableLook},
    {.title = "ACTIVE", .text = Text<"sessions_active">, .number = Number<"sessions_active">},
    {.title = "WAITING",
     .rank = 2,
     .text = Text<"sessions_waiting">,
     .number = Number<"sessions_waiting">},
    {.title = "NEW/S", .rank = 3, .text = New, .number = Rising<"sessions_total">},
    {.title = "FAILURES",
     .rank = 1,
     .text = Text<"connect_failures">,
     .number = Number<"connect_failures">},
    {.title = "RETRIES", .rank = 4, .text = Text<"retries">, .number = Number<"retries">},
    {.title = "UP", .rank = 2, .text = RisingBytes<"bytes_up">, .number = Rising<"bytes_up">},
    {.title = "DOWN", .rank = 2, .text = RisingBytes<"bytes_down">, .number = Rising<"bytes_down">},
    {.title = "BALANCE", .rank = 5, .text = Text<"balance">},
};
constexpr TopColumn kEndpoints[] = {
    {.title = "ENDPOINT", .text = EndpointName},
    {.title = "HEALTH", .text = Text<"health">, .look = HealthLook},
    {.title = "STATE", .text = Text<"state">, .look = StateLook},
    {.title = "USABLE", .rank = 1, .text = Text<"usable">},
    {.title = "ACTIVE", .text = Text<"sessions_active">, .number = Number<"sessions_active">},
    {.title = "LIMIT",
     .rank = 4,
     .text = LimitText<"max_connections">,
     .number = Number<"max_connections">},
    {.title = "WEIGHT", .rank = 2, .text = Text<"weight">, .number = Number<"weight">},
    {.title = "PRIORITY", .rank = 5, .text = Text<"priority">, .number = Number<"priority">},
    {.title = "ADDRESS", .rank = 3, .text = Text<"address">},
};
constexpr TopColumn kSessions[] = {
    {.title = "ID", .rank = 2, .text = Text<"id">, .number = Zero},
    {.title = "CLIENT", .text = Client},
    {.title = "ENDPOINT", .rank = 1, .text = SessionEndpoint},
    {.title = "STATE", .rank = 4, .text = Text<"state">},
    {.title = "AGE", .rank = 2, .text = Seconds<"age_s">, .number = Zero, .order = "age"},
    {.title = "IDLE", .rank = 3, .text = Seconds<"idle_s">, .number = Zero, .order = "idle"},
    {.title = "UP", .rank = 3, .text = Bytes<"bytes_up">, .number = Zero, .order = "bytes_up"},
    {.title = "DOWN",
     .rank = 3,
     .text = Bytes<"bytes_down">,
     .number = Zero,
     .order = "bytes_down"},
    {.title = "RATE", .text = SessionRate, .number = Zero, .order = "rate"},
    {.title = "LISTENER", .rank = 5, .text = Text<"listener">},
    {.title = "TRIPS", .rank = 6, .text = RoundTrips, .number = Zero, .order = "round_trip"},
};

}  // namespace

std::span<const TopColumn> ColumnsOf(TopList list) {
  switch (list) {
    case TopList::kListeners:
      return kListeners;
    case TopList::kUpstreams:
      return kUpstreams;
    case TopList::kEndpoints:
      return kEndpoints;
    case TopList::kSessions:
      break;
  }
  return kSessions;
}

std::string KeyOf(TopList list, const JsonValue& row) {
  if (list == TopList::kSessions) return row["id"].Line();
  if (list == TopList::kEndpoints) return EndpointName({.now = row});
  return row["name"].text;
}

std::optional<bool> ComesBefore(const TopColumn& column, const TopRow& left, const TopRow& right) {
  if (column.number == nullptr) {
    const std::string first = column.text(left);
    const std::string second = column.text(right);
    if (first == second) return std::nullopt;
    return first < second;
  }
  const double first = column.number(left);
  const double second = column.number(right);
  if (first == second) return std::nullopt;
  return first > second;
}

bool IsSortable(TopList list, const TopColumn& column) {
  return list != TopList::kSessions || !column.order.empty();
}

std::string HumanRate(double bytes_per_second) {
  return absl::StrCat(HumanBytes(static_cast<int64_t>(bytes_per_second)), "/s");
}

}  // namespace sluice::proxy
