// Whether a request may do what it asks for.
//
//   door    path                          asks for
//   admin   /healthz, /readyz, the page   nothing
//           all others                    the token, where there is one; without one a UNIX
//                                         socket may do all, loopback may read
//   probes  /healthz, /readyz, /metrics   nothing; there is nothing else
//
// A page in a browser of this host can send requests to loopback: they have an Origin, or come from
// another site, or name a host that is none of loopback's, and may do nothing; the page that was
// loaded from here may, as its Origin is the host that it asks. Nor may a request with a body that
// a form could have sent. Of a browser this holds on a UNIX socket, too: `ssh -L` leads there.
//
// Pure. Checked by: tests/proxy/admin/access_test.cc.
#ifndef SLUICE_PROXY_ADMIN_ACCESS_H_
#define SLUICE_PROXY_ADMIN_ACCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proxy/admin/http/exchange.h"

namespace sluice::proxy {

enum class Door : uint8_t { kAdmin, kProbes };

struct AccessRules {
  Door door = Door::kAdmin;
  absl::StatusOr<std::string> token = "";  // "": none; an error: it cannot be read
  // The file system does not say which users may connect: an abstract UNIX socket.
  bool is_abstract = false;
  uid_t own_uid = 0;
};

// The answer to a request that may not go on; none: it may. `path` without the query.
std::optional<HttpResponse> NotAllowed(const HttpRequest& request, std::string_view path,
                                       const AccessRules& rules);

// Takes as long for every `given` of the same size, whatever it has in common with `secret`.
bool IsSameSecret(std::string_view given, std::string_view secret);

// {"error":"…"}, a sentence.
HttpResponse ErrorResponse(int status, std::string_view message);

// 503, for a request that would have to wait; nothing of it has been done.
HttpResponse TooManyWait();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_ACCESS_H_
