// What the query of a request says: which sessions, which endpoint. Pure.
//
// Errors are INVALID_ARGUMENT, with the parameter and what it takes.
// Checked by: tests/proxy/admin/queries_test.cc.
#ifndef SLUICE_PROXY_ADMIN_QUERIES_H_
#define SLUICE_PROXY_ADMIN_QUERIES_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "conf/config.h"
#include "proxy/admin/http/target.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

// A parameter that is not known is an error: a filter with a slip in it would mean all sessions.
absl::StatusOr<SessionQuery> SessionQueryFrom(const HttpTarget& target, size_t default_limit);

absl::StatusOr<conf::Endpoint> EndpointFrom(const HttpTarget& target);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_QUERIES_H_
