// Confinement: what the process opens while it may, and then gives up, before it has threads.
//
//   STARTED ── no user is named, or it is that user ───────────────────────────┐
//      │ root                                                                  │
//      ▼                                                                       ▼
//   listens at every address; makes the access log's file ──► another user ──► no new privileges,
//                                                                              sandbox, core dumps
//
// What cannot be listened at now (it is in use, say) is left to the server, which tries again and
// tells: as the other user it still may bind low ports.
//
// Checked by: tests/e2e/test_privileges.py, tests/e2e/test_sandbox.py.
#ifndef SLUICE_PROXY_SERVER_CONFINEMENT_H_
#define SLUICE_PROXY_SERVER_CONFINEMENT_H_

#include <string>

#include "absl/status/status.h"
#include "conf/config.h"
#include "proxy/server/given_sockets.h"

namespace sluice::proxy {

// Adds what it listens at to `given`, and remarks for the log; where a socket of these listens
// already, it does not. An error: the process cannot become as `config` says, or not wholly.
absl::Status Confine(const conf::Config& config, const std::string& config_path,
                     GivenSockets& given);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_CONFINEMENT_H_
