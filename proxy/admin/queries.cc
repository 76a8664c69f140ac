#include "proxy/admin/queries.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "conf/text/name.h"
#include "conf/text/text.h"
#include "conf/text/units.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/text/utf8.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kWaitForDrained = 5min;  // unless the request says otherwise

constexpr std::pair<std::string_view, SessionOrder> kOrders[] = {
    {"age", SessionOrder::kAge},
    {"idle", SessionOrder::kIdle},
    {"bytes", SessionOrder::kBytes},
    {"bytes_up", SessionOrder::kBytesUp},
    {"bytes_down", SessionOrder::kBytesDown},
    {"round_trip", SessionOrder::kRoundTrip},
    {"rate", SessionOrder::kRate}};

absl::Status Wrong(std::string_view name, std::string_view value, std::string_view takes) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(name), " is ", conf::Printable(value),
                                                 "; allowed: ", std::string(takes)));
}

absl::Status Read(std::string_view name, std::string_view value, core::Duration& field) {
  const absl::StatusOr<core::Duration> time = conf::ParseDuration(value);
  if (!time.ok()) return Wrong(name, value, "a time, such as 500ms, 30s, 5m");
  field = *time;
  return absl::OkStatus();
}

template <typename Number>
absl::Status ReadNumber(std::string_view name, std::string_view value, uint64_t most,
                        Number& field) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(std::string(value), &number) || number > most) {
    return Wrong(name, value, absl::StrCat("a number from 0 to ", most));
  }
  field = static_cast<Number>(number);
  return absl::OkStatus();
}

absl::Status ReadStage(std::string_view value, SessionFilter& filter) {
  std::string names;
  for (size_t i = 0; i < kSessionStageCount; ++i) {
    const auto stage = static_cast<SessionStage>(i);
    if (value == Name(stage)) {
      filter.stage = stage;
      return absl::OkStatus();
    }
    absl::StrAppend(&names, i == 0 ? "" : ", ", std::string(Name(stage)));
  }
  return Wrong("stage", value, names);
}

absl::Status ReadOrder(std::string_view value, SessionQuery& query) {
  std::string names;
  for (const auto& [name, order] : kOrders) {
    if (value == name) {
      query.order = order;
      return absl::OkStatus();
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(name));
  }
  return Wrong("order", value, names);
}

constexpr char kFilters[] =
    "listener, upstream, endpoint, client, stage, min_age, min_idle, min_bytes";

absl::Status NotKnown(std::string_view name, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("there is no parameter ", conf::Printable(name),
                   allowed.empty() ? "; none is allowed" : "; allowed: ", std::string(allowed)));
}

// NOT_FOUND: it is no parameter of a filter.
absl::Status ReadFilter(std::string_view name, std::string_view value, SessionFilter& filter) {
  if (name == "listener") return filter.listener = value, absl::OkStatus();
  if (name == "upstream") return filter.upstream = value, absl::OkStatus();
  if (name == "endpoint") return filter.endpoint = value, absl::OkStatus();
  if (name == "client") return filter.client = value, absl::OkStatus();
  if (name == "stage") return ReadStage(value, filter);
  if (name == "min_age") return Read(name, value, filter.min_age);
  if (name == "min_idle") return Read(name, value, filter.min_idle);
  if (name == "min_bytes") return ReadNumber(name, value, UINT64_MAX, filter.min_bytes);
  return absl::NotFoundError("");
}

absl::Status ReadParameter(std::string_view name, std::string_view value, SessionQuery& query) {
  absl::Status filter = ReadFilter(name, value, query.filter);
  if (!absl::IsNotFound(filter)) return filter;
  if (name == "order") return ReadOrder(value, query);
  if (name == "offset") return ReadNumber(name, value, UINT32_MAX, query.offset);
  if (name == "limit") return ReadNumber(name, value, UINT32_MAX, query.limit);
  if (name == "reversed" || name == "paths") {
    if (value != "true" && value != "false") return Wrong(name, value, "true, false");
    if (name == "reversed") query.reversed = value == "true";
    return absl::OkStatus();
  }
  return NotKnown(name, absl::StrCat(kFilters, ", order, reversed, offset, limit, paths"));
}

}  // namespace

absl::StatusOr<SessionQuery> SessionQueryFrom(const HttpTarget& target, size_t default_limit) {
  SessionQuery query = {.limit = default_limit};
  for (const auto& [name, value] : target.queries) {
    absl::Status read = ReadParameter(name, value, query);
    if (!read.ok()) return read;
  }
  return query;
}

absl::StatusOr<SessionFilter> SessionFilterFrom(const HttpTarget& target) {
  SessionFilter filter;
  for (const auto& [name, value] : target.queries) {
    absl::Status read = ReadFilter(name, value, filter);
    if (absl::IsNotFound(read)) return NotKnown(name, kFilters);
    if (!read.ok()) return read;
    if (value.empty()) return Wrong(name, value, "the name of one");
  }
  return filter;
}

absl::StatusOr<conf::Endpoint> EndpointFrom(const HttpTarget& target) {
  conf::Endpoint endpoint;
  for (const auto& [name, value] : target.queries) {
    absl::Status read;
    if (name == "address") {
      if (core::FindInvalidUtf8(value)) return Wrong(name, value, "UTF-8");
      const absl::StatusOr<core::Address> address = core::Address::Parse(value);
      if (!address.ok() || (address->is_ip() && address->port() == 0)) {
        return Wrong(name, value, "an address and a port, such as 10.0.0.1:3000, or unix:/path");
      }
      endpoint.address = *address;
    } else if (name == "name") {
      if (!value.empty() && !conf::IsName(value)) {
        return Wrong(name, value, conf::kNameForm);
      }
      endpoint.name = value;
    } else if (name == "weight") {
      read = ReadNumber(name, value, 256, endpoint.weight);
    } else if (name == "priority") {
      read = ReadNumber(name, value, 255, endpoint.priority);
    } else if (name == "max_connections") {
      read = ReadNumber(name, value, 10'000'000, endpoint.max_connections);
    } else {
      read = NotKnown(name, "address, name, weight, priority, max_connections");
    }
    if (!read.ok()) return read;
  }
  if (endpoint.address.is_empty()) {
    return absl::InvalidArgumentError("address is missing: ?address=10.0.0.1:3000");
  }
  return endpoint;
}

absl::StatusOr<std::optional<core::Duration>> DrainWaitFrom(const HttpTarget& target) {
  bool waits = false;
  std::optional<core::Duration> timeout;
  for (const auto& [name, value] : target.queries) {
    if (name == "wait") {
      if (value != "drained") return Wrong(name, value, "drained, as in ?wait=drained&timeout=5m");
      waits = true;
    } else if (name == "timeout") {
      absl::Status read = Read(name, value, timeout.emplace());
      if (!read.ok()) return read;
    } else {
      return NotKnown(name, "wait, timeout");
    }
  }
  if (waits) return timeout.value_or(kWaitForDrained);
  if (timeout) return absl::InvalidArgumentError("timeout needs wait: ?wait=drained&timeout=5m");
  return std::nullopt;
}

absl::Status TakesOnly(const HttpTarget& target, std::string_view names) {
  const std::vector<std::string> known =
      absl::StrSplit(absl::string_view(names.data(), names.size()), ", ");
  for (const auto& [name, value] : target.queries) {
    if (name.empty() || std::ranges::find(known, name) == known.end()) return NotKnown(name, names);
  }
  return absl::OkStatus();
}

}  // namespace sluice::proxy
