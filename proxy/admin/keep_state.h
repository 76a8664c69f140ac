// What administrators have changed, and who keeps it: the process that answers them.
//
//                     a start                        an upgrade: hands over         takes over
//   the file          read, then kept                kept to the last act           read, then kept
//   the endpoint      open                           closed, or open again          opened
//
// Threads: before the server runs.
// Checked by: tests/e2e/test_state_file.py.
#ifndef SLUICE_PROXY_ADMIN_KEEP_STATE_H_
#define SLUICE_PROXY_ADMIN_KEEP_STATE_H_

#include <functional>

#include "absl/status/status.h"
#include "core/log/logger.h"
#include "proxy/admin/state_file.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

// What the file says holds again, and what is changed is kept in it: from now on, or, if `server`
// takes over, from then on. All outlive the last act. An error: no thread is left; one that comes
// later is logged, for to serve comes first.
absl::Status KeepState(StateFile& state, Server& server, bool takes_over, core::Logger& logger);

// How the server opens and closes its admin endpoint, and with it the file.
void SetAdmin(Server& server, std::function<absl::Status()> open, std::function<void()> close,
              StateFile& state, core::Logger& logger);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_KEEP_STATE_H_
