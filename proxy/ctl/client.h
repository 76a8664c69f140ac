// Asks the admin endpoint of a running process, over a UNIX socket or TCP.
#ifndef SLUICE_PROXY_CTL_CLIENT_H_
#define SLUICE_PROXY_CTL_CLIENT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/time.h"

namespace sluice::proxy {

inline constexpr std::string_view kDefaultAdmin = "unix:/run/sluice/admin.sock";

struct AdminReply {
  int status = 0;
  std::string body;
};

// What a whole answer says; none: it is not whole, or no HTTP.
std::optional<AdminReply> ParseReply(std::string_view text);

// `admin`: unix:PATH, unix:@name or http://HOST:PORT. An error is a sentence that says what to do.
// `token`: "": none. It waits at most for `patience`, from the call to the end of the answer.
absl::StatusOr<AdminReply> AskAdmin(const std::string& admin, std::string_view method,
                                    std::string_view target, const std::string& token,
                                    core::Duration patience);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_CLIENT_H_
