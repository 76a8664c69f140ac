// The sentences about addresses where a listener cannot listen.
#ifndef SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_
#define SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_

#include <string>

#include "core/net/socket_api.h"

namespace sluice::proxy {

// What went wrong, and what to do about it. `error`: of SocketApi::Listen.
std::string ListenError(const std::string& listener, const core::Address& address,
                        const core::ListenOptions& options, int error);

// How to see which process has an address that is in use; "" where no command tells.
std::string HowToFindOwner(const core::Address& address);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTEN_ERROR_H_
