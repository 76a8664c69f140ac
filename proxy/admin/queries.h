// What the query of a request says: which sessions, which endpoint. Pure.
//
// Errors are INVALID_ARGUMENT, with the parameter and what it takes.
// Checked by: tests/proxy/admin/queries_test.cc.
#ifndef SLUICE_PROXY_ADMIN_QUERIES_H_
#define SLUICE_PROXY_ADMIN_QUERIES_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/base/time.h"
#include "proxy/admin/http/target.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

// A parameter that is not known is an error: a filter with a slip in it would mean all sessions.
absl::StatusOr<SessionQuery> SessionQueryFrom(const HttpTarget& target, size_t default_limit);

// Which sessions end. What only says how a list is shown is an error: those that it leaves out
// would end, too. So is an empty name, which would stand for all.
absl::StatusOr<SessionFilter> SessionFilterFrom(const HttpTarget& target);

// What has the name takes no other than the configuration.
absl::StatusOr<conf::Endpoint> EndpointFrom(const HttpTarget& target);

// ?wait=drained&timeout=5m: how long to wait until an endpoint has no session; none: not at all.
absl::StatusOr<std::optional<core::Duration>> DrainWaitFrom(const HttpTarget& target);

// An error if there are other parameters than these: "percent, over", or "".
absl::Status TakesOnly(const HttpTarget& target, std::string_view names);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_QUERIES_H_
