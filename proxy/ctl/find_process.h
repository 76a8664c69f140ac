// Which process `sluice ctl` and `sluice top` ask, and with which token.
#ifndef SLUICE_PROXY_CTL_FIND_PROCESS_H_
#define SLUICE_PROXY_CTL_FIND_PROCESS_H_

#include "absl/status/status.h"
#include "proxy/ctl/ctl.h"
#include "proxy/ctl/options.h"

namespace sluice::proxy {

// Completes `options`: what the command line has not said comes from the file of --config, and
// without one from the environment. InvalidArgument: the command line or a variable is wrong;
// others: the file does not tell.
absl::Status FindProcess(const CtlEnv& env, CtlSettings& options);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_FIND_PROCESS_H_
