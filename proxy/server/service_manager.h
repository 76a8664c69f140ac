// ServiceManager: tells the one that has started this process what becomes of it (sd_notify).
#ifndef SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_
#define SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/time.h"
#include "core/task/task.h"

namespace sluice::proxy {

// What the environment says of it.
struct ServiceManager {
  std::string socket = {};  // where it is told, as NOTIFY_SOCKET has it; "": there is none
  core::Duration watchdog =
      0s;  // it ends a process of which it has not heard for so long; 0: never
};

// The watchdog's time is meant for one process. A successor takes that of its predecessor.
ServiceManager FindServiceManager(bool is_successor);

// Sends `state` ("MAINPID=17") to the datagram socket whose address is `socket`: a path, or an
// abstract name behind "@"; with a descriptor unless that is -1. Does not wait: where the manager's
// queue is full it is an error. Any thread.
absl::Status NotifyServiceManager(const std::string& socket, std::string_view state,
                                  int descriptor = -1);

// The same inside a task, which waits while the queue is full, at most for `patience`. `descriptor`
// stays open meanwhile.
core::Task<absl::Status> NotifyPatiently(std::string socket, std::string state, int descriptor,
                                         core::Duration patience);

// From now on that process is the one that the manager hears. OK if there is no manager.
core::Task<absl::Status> TellOfSuccessor(std::string socket, pid_t successor);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVICE_MANAGER_H_
