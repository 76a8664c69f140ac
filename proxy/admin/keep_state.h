// What administrators have changed, and who keeps it: the process that answers them.
//
//                     a start                        an upgrade: hands over         takes over
//   the file          read, then kept                kept to the last act           read, then kept
//   the endpoint      open                           closed, or open again          opened
//
// What the server wants of the endpoint it says at once; a thread that may wait follows:
//
//   OPEN ── Follow, CLOSED is wanted ──► CLOSING: takes no request any more, the file is written
//    ▲ ▲                                    │   │
//    │ └── the file is not whole (an error) ┘   └── it is whole ──► CLOSED
//    └───────────────────── Follow, OPEN is wanted ─────────────────┘
//
// Follow waits at most kWaitForDisk for the file. The server may have given up waiting for it, or
// the thread may begin late: it does what is wanted by then, one Follow after the other. So the
// last word holds, whichever thread comes last.
//
// While the file has not been read in the process that takes over, acts are rejected: it would take
// the place of what they have changed.
//
// Threads: KeepState and SetAdmin before the server runs.
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

// How the server opens and closes its admin endpoint, and with it the file. `is_open`: it is from
// the start.
void SetAdmin(Server& server, std::function<absl::Status()> open, std::function<void()> close,
              bool is_open, StateFile& state, core::Logger& logger);

// At the process's end, which a disk that does not answer delays by kWaitForDisk.
void FinishState(StateFile& state, core::Logger& logger);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_KEEP_STATE_H_
