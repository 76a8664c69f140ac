// SessionActions: what an administrator sees of the sessions that there are, and ends of them.
//
//   SessionActions& actions = server.session_actions();
//   const SessionPage page = actions.List({.order = SessionOrder::kIdle, .limit = 20},
//                                         /*with_paths=*/false);
//   const absl::Status killed = actions.Kill(page.rows[0].id, "uid 0");
//
// A session that is killed is reset, both ways and at once, in every stage; its reason is
// admin/killed. One that is flushed has ended already: it is cut short and keeps its reason.
// Each act is logged with `who` asked for it.
// Threads: any; none of them stops a worker for long (session_registry.h).
// Checked by: tests/proxy/server/sessions_test.cc.
#ifndef SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_
#define SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "core/log/logger.h"
#include "core/runtime/handle.h"
#include "proxy/session/session_registry.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

class SessionActions {
 public:
  SessionActions(core::RuntimeHandle runtime, SessionRegistry& registry, core::Logger& logger)
      : runtime_(runtime), registry_(registry), logger_(logger) {}

  // `with_paths`: also what the kernel knows of the connections, which takes four system calls for
  // each session. An order by round trip needs it.
  SessionPage List(const SessionQuery& query, bool with_paths) const;

  // NOT_FOUND: there is no such session, or it has ended meanwhile.
  absl::Status Kill(uint64_t id, std::string_view who);
  // Returns how many.
  size_t Kill(const SessionFilter& filter, std::string_view who);

 private:
  const core::RuntimeHandle runtime_;
  SessionRegistry& registry_;
  core::Logger& logger_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SESSION_ACTIONS_H_
