// `sluice ctl`: asks a running process what it does, and tells it what to do.
//
// Exit codes: 0 it is so, or it is done; 1 it is not, or the process cannot be asked; 2 the command
// line is wrong. `ready` is 0 only for a process that is ready, so that scripts and keepalived can
// use it as it is; `reload` is 0 only if the file is in force.
#ifndef SLUICE_PROXY_CTL_CTL_H_
#define SLUICE_PROXY_CTL_CTL_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

struct CtlResult {
  int code = 0;
  std::string output = {};  // for standard output
  std::string error = {};   // a sentence, or lines, for standard error
};

// "": it is not set.
using CtlEnv = std::function<std::string(const char* name)>;

// `words`: of the command line, behind "ctl".
CtlResult RunCtl(const std::vector<std::string>& words, const CtlEnv& env);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_CTL_H_
