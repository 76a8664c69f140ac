// ReadAgain: how a process reads its configuration again, for a reload and for a diff.
#ifndef SLUICE_PROXY_SERVER_READ_AGAIN_H_
#define SLUICE_PROXY_SERVER_READ_AGAIN_H_

#include <memory>
#include <string>

#include "core/log/logger.h"
#include "proxy/server/config_watch.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

// Reads the file again, on another thread, and logs its warnings, if there is a log; `watch`, or
// null, follows it. What cannot change while the process runs is the server's to tell.
NextConfig ReadAgain(const std::string& path, std::shared_ptr<ConfigWatch> watch,
                     core::Logger* logger);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_READ_AGAIN_H_
