// The owner of a UNIX listener's file: names of users and groups become numbers, when it starts.
#ifndef SLUICE_PROXY_LISTENER_UNIX_OWNER_H_
#define SLUICE_PROXY_LISTENER_UNIX_OWNER_H_

#include <string>

#include "absl/status/status.h"
#include "core/net/socket_options.h"

namespace sluice::proxy {

// Sets `options.unix_uid` and `options.unix_gid`. `owner` and `group`: a name, a number, or "" for
// the process's own. The error is a sentence: a name that the system does not know, or a failure of
// its database. May wait for that (a file, a name service), so only when a listener starts.
absl::Status ResolveUnixOwner(const std::string& owner, const std::string& group,
                              core::ListenOptions& options);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_UNIX_OWNER_H_
