#include "proxy/server/session_actions.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"

namespace sluice::proxy {

// The calls on sockets are for any thread, whichever worker's reactor they are asked of.
SessionPage SessionActions::List(const SessionQuery& query, bool with_paths) const {
  core::Worker& worker = runtime_.worker(0);
  return Select(registry_.Rows(worker.reactor(), worker.clock().Now(), with_paths), query);
}

absl::Status SessionActions::Kill(uint64_t id, std::string_view who) {
  if (registry_.Kill({id}, EndCause::kKilled) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no session ", id));
  }
  logger_.Log(core::LogLevel::kInfo, "session %d: killed (by %s)", id, who);
  return absl::OkStatus();
}

size_t SessionActions::Kill(const SessionFilter& filter, std::string_view who) {
  std::vector<uint64_t> ids;
  for (const SessionRow& row : List({.filter = filter}, /*with_paths=*/false).rows) {
    ids.push_back(row.id);
  }
  const size_t killed = registry_.Kill(ids, EndCause::kKilled);
  logger_.Log(core::LogLevel::kInfo, "%d sessions: killed (by %s)", killed, who);
  return killed;
}

}  // namespace sluice::proxy
