// Identity: the user that the process goes on as, and what it keeps of root's rights.
//
//   STARTED ── PlanIdentity ──► nothing to do: no user is named, or the process is that user
//      │              └── an error: it cannot become that user
//      │ root: it opens what only root may open
//      ▼ Become
//   CONFINED: user, group and the user's groups; of root's capabilities those named, also for
//             programs that it starts (ambient); no way to gain another one (no_new_privs)
//
// Threads: before there is a second one. Later ones inherit it, and one that is there would not.
// Checked by: tests/proxy/privilege/identity_test.cc, tests/e2e/test_privileges.py.
#ifndef SLUICE_PROXY_PRIVILEGE_IDENTITY_H_
#define SLUICE_PROXY_PRIVILEGE_IDENTITY_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"

namespace sluice::proxy {

struct Identity {
  uid_t user;
  gid_t group;
  bool has_groups;   // the system knows which others the user is in
  std::string name;  // of the user, as it is configured
};

// Whom the process is to become. None: it stays who it is. May wait for the system's database of
// users. The error is a sentence.
absl::StatusOr<std::optional<Identity>> PlanIdentity(const conf::Privileges& privileges);

// The capabilities that a process with this configuration uses after its start, by number.
std::vector<int> NeededCapabilities(const conf::Config& config);

// Of the capabilities it keeps those that it has.
absl::Status Become(const Identity& identity, const std::vector<int>& capabilities);

// It and all programs that it starts gain nothing by set-user-ID files and capabilities of files.
absl::Status ForbidNewPrivileges();

// The kernel writes no core file, and no process but root's may look into the memory; or the
// opposite, which is also taken away when the process becomes another user.
void SetCoreDumps(bool allowed);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_PRIVILEGE_IDENTITY_H_
