// `sluice top`: shows what a running process does, again and again, and tells it what to do.
//
// It asks the admin endpoint, as `sluice ctl` does: only the list that is shown, every two seconds.
// Exit codes: 0 it was left; 1 the process cannot be asked, or there is no terminal; 2 the command
// line is wrong.
#ifndef SLUICE_PROXY_TOP_TOP_H_
#define SLUICE_PROXY_TOP_TOP_H_

#include <string>
#include <vector>

#include "proxy/ctl/ctl.h"

namespace sluice::proxy {

// `words`: of the command line, behind "top".
CtlResult RunTop(const std::vector<std::string>& words, const CtlEnv& env);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_TOP_H_
