#include "proxy/listener/unix_owner.h"

#include "absl/status/statusor.h"
#include "proxy/privilege/accounts.h"

namespace sluice::proxy {

absl::Status ResolveUnixOwner(const std::string& owner, const std::string& group,
                              core::ListenOptions& options) {
  if (!owner.empty()) {
    const absl::StatusOr<User> user = FindUser(owner);
    if (!user.ok()) return user.status();
    options.unix_uid = user->id;
  }
  if (!group.empty()) {
    const absl::StatusOr<gid_t> found = FindGroup(group);
    if (!found.ok()) return found.status();
    options.unix_gid = *found;
  }
  return absl::OkStatus();
}

}  // namespace sluice::proxy
