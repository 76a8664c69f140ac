// GET /api/v1/events: what has happened.
//
//   ?limit=100               the last so many; at most Events::kMost
//   ?after=12&run=…          those after number 12 of this run of the process, the oldest first;
//                            of another run: all that there are
//   &wait=30s                if there is none, the next one, or none when the time is over
//
//   {"run":…,"last":14,"lost":0,"events":[{"id":13,"at":"2026-11-20T22:32:15.463987Z",
//     "kind":"health","level":"warn","upstream":"app","endpoint":"a","who":"","text":"…"}, …]}
//
// So a reader follows by asking with the `run` and the `last` of the answer before. `lost` is how
// many have gone because it did not ask in time.
#ifndef SLUICE_PROXY_ADMIN_EVENT_QUERY_H_
#define SLUICE_PROXY_ADMIN_EVENT_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/admin/http/exchange.h"
#include "proxy/admin/http/target.h"
#include "proxy/observe/events.h"
#include "proxy/server/waits.h"

namespace sluice::proxy {

struct EventQuery {
  std::optional<uint64_t> after;  // none: the last ones
  std::optional<int64_t> run;     // none: of this one
  size_t limit = Events::kMost;
  core::Duration wait = 0s;
};

// INVALID_ARGUMENT, with the parameter and what it takes.
absl::StatusOr<EventQuery> EventQueryFrom(const HttpTarget& target);

// At once or, if it is to wait, in a task. `events` and `waits` outlive the answer.
void AnswerEvents(const EventQuery& query, const HttpRequest& request, Events& events, Waits& waits,
                  const HttpAnswer& answer);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_EVENT_QUERY_H_
