#include "proxy/privilege/identity.h"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proxy/privilege/accounts.h"

namespace sluice::proxy {
namespace {

absl::Status About(const char* key, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(key, ": ", status.message()));
}

absl::Status CannotBecome(const Identity& identity, const char* step) {
  const int error = errno;
  return absl::ErrnoToStatus(
      error, absl::StrCat("user: cannot become ", identity.name, ": ", step,
                          error == EPERM ? " (root needs CAP_SETUID and CAP_SETGID for it)" : ""));
}

}  // namespace

absl::StatusOr<std::optional<Identity>> PlanIdentity(const conf::Privileges& privileges) {
  if (privileges.user.empty()) return std::nullopt;
  const absl::StatusOr<User> user = FindUser(privileges.user);
  if (!user.ok()) return About("user", user.status());
  std::optional<gid_t> group = user->group;
  if (!privileges.group.empty()) {
    const absl::StatusOr<gid_t> found = FindGroup(privileges.group);
    if (!found.ok()) return About("group", found.status());
    group = *found;
  }
  if (!group.has_value()) {
    return absl::NotFoundError(absl::StrCat("user: the system knows no user ", privileges.user,
                                            ", and so no group of it: set group, too"));
  }
  if (geteuid() == user->id && getegid() == *group) return std::nullopt;
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "user: this process has been started by user ", geteuid(), " with group ", getegid(),
        ", and only root can become ", privileges.user, " (user ", user->id, ", group ", *group,
        "): start it as root or as that user, or leave the key out"));
  }
  return Identity{.user = user->id,
                  .group = *group,
                  .has_groups = !user->name.empty(),
                  .name = privileges.user};
}

std::vector<int> NeededCapabilities(const conf::Config& config) {
  std::vector<int> needed = {
      CAP_NET_BIND_SERVICE};  // any reload may add a listener with a low port
  for (const conf::Upstream& upstream : config.upstreams) {
    if (!upstream.source_is_client) continue;
    needed.push_back(CAP_NET_RAW);
    break;
  }
  return needed;
}

absl::Status Become(const Identity& identity, const std::vector<int>& capabilities) {
  // A container may have taken some of root's away: what is not there is not kept.
  if (capng_get_caps_process() != 0)
    return CannotBecome(identity, "it does not know its own rights");
  const bool limits = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
  std::vector<int> kept;
  for (const int each : capabilities) {
    if (capng_have_capability(CAPNG_PERMITTED, static_cast<unsigned>(each)) != 0) {
      kept.push_back(each);
    }
  }
  capng_clear(CAPNG_SELECT_ALL);
  for (const int each : kept) {
    const auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED |
                                                CAPNG_INHERITABLE | CAPNG_AMBIENT);
    if (capng_update(CAPNG_ADD, sets, static_cast<unsigned>(each)) != 0) {
      return CannotBecome(identity, "a capability is not known");
    }
  }
  const auto flags =
      static_cast<capng_flags_t>((identity.has_groups ? CAPNG_INIT_SUPP_GRP : CAPNG_DROP_SUPP_GRP) |
                                 (limits ? CAPNG_CLEAR_BOUNDING : CAPNG_NO_FLAG));
  errno = 0;
  const int changed =
      capng_change_id(static_cast<int>(identity.user), static_cast<int>(identity.group), flags);
  if (changed != 0) return CannotBecome(identity, "the system does not let it");
  // The change of the user has taken the ambient ones away.
  if (capng_apply(CAPNG_SELECT_AMBIENT) != 0) {
    return CannotBecome(identity, "its capabilities cannot be kept");
  }
  if (geteuid() != identity.user || getegid() != identity.group) {
    return CannotBecome(identity, "the system says that it has and it has not");
  }
  return absl::OkStatus();
}

absl::Status ForbidNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "new privileges cannot be ruled out");
}

void SetCoreDumps(bool allowed) { (void)prctl(PR_SET_DUMPABLE, allowed ? 1 : 0, 0, 0, 0); }

}  // namespace sluice::proxy
