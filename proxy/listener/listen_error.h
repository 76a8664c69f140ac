// The sentence about an address that a listener cannot have.
#ifndef SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_
#define SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "conf/text/address.h"
#include "core/net/socket_options.h"

namespace sluice::proxy {

// `error`: of SocketApi::Listen.
absl::Status ListenError(const std::string& listener, const conf::Address& address,
                         const core::ListenOptions& options, int error);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_
