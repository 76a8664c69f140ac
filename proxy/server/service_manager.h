// ServiceManager: tells the one that has started this process what becomes of it (sd_notify).
#ifndef SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_
#define SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::proxy {

// Sends `state` ("MAINPID=17") to the datagram socket whose address is `socket`, as the environment
// variable NOTIFY_SOCKET has it: a path, or an abstract name behind "@". Does not wait. Any thread.
absl::Status NotifyServiceManager(const std::string& socket, std::string_view state);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_
