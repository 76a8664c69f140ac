#include "proxy/server/confinement.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/net/socket_api.h"
#include "proxy/listener/unix_owner.h"
#include "proxy/privilege/identity.h"
#include "proxy/privilege/sandbox.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

void ListenAt(const core::Address& address, const core::ListenOptions& options,
              const Identity& owner, std::vector<InheritedSocket>& sockets) {
  const std::string text = address.ToString();
  const auto has_text = [&](const InheritedSocket& each) { return each.socket.address == text; };
  if (std::ranges::any_of(sockets, has_text)) return;
  core::ListenOptions asked = options;  // a file belongs to whom the process goes on as
  if (asked.unix_uid < 0) asked.unix_uid = owner.user;
  if (asked.unix_gid < 0) asked.unix_gid = owner.group;
  core::SocketFile file;
  core::IoResult<int> fd = core::SocketApi().Listen(address, asked, file);
  if (!fd.ok()) return;
  sockets.push_back(
      {.socket = {.address = text, .options = options, .file = file.path, .file_id = file.id},
       .fd = *fd});
}

void ListenEverywhere(const conf::Config& config, const Identity& owner,
                      std::vector<InheritedSocket>& sockets) {
  for (const conf::Listener& listener : config.listeners) {
    core::ListenOptions options = ToCore(listener.socket);
    const bool resolved =
        ResolveUnixOwner(listener.socket.unix_owner, listener.socket.unix_group, options).ok();
    if (!resolved) continue;  // the server says so
    for (const core::Address& address : listener.bind) ListenAt(address, options, owner, sockets);
  }
}

// Only one that is not there: where the user may write, a file of this name may be anybody's.
void MakeAccessLog(const std::string& path, const Identity& owner) {
  if (path == "off" || path == "stdout" || path == "stderr") return;
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t{0640});
  if (fd < 0) return;
  (void)!fchown(fd, owner.user, owner.group);
  close(fd);
}

}  // namespace

absl::Status Confine(const conf::Config& config, const std::string& config_path,
                     GivenSockets& given) {
  const conf::Privileges& privileges = config.privileges;
  const absl::StatusOr<std::optional<Identity>> identity = PlanIdentity(privileges);
  if (!identity.ok()) return identity.status();
  absl::Status status;
  if (identity->has_value()) {
    const Identity& other = **identity;
    ListenEverywhere(config, other, given.sockets);
    MakeAccessLog(config.access_log.path, other);
    status = Become(other, NeededCapabilities(config));
    if (!status.ok()) return status;
    if (!config_path.empty() && access(config_path.c_str(), R_OK) != 0 && errno == EACCES) {
      given.remarks.push_back(absl::StrCat("user ", other.name, " may not read ", config_path,
                                           ": a reload and an upgrade will fail"));
    }
  }
  if (!privileges.user.empty()) status = ForbidNewPrivileges();
  if (identity->has_value() || !privileges.core_dumps) SetCoreDumps(privileges.core_dumps);
  if (status.ok() && privileges.sandbox) status = EnterSandbox();
  return status;
}

}  // namespace sluice::proxy
