// The options of `sluice ctl` and `sluice top`: which process, with which token, and how.
#ifndef SLUICE_PROXY_CTL_OPTIONS_H_
#define SLUICE_PROXY_CTL_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace sluice::proxy {

struct CtlSettings {
  std::string admin;   // "": find_process.h says which
  std::string token;   // likewise
  std::string config;  // the process's file; "": not given
  bool json = false;
  bool help = false;
  bool follow = false;
  std::optional<core::Duration> watch = std::nullopt;
  std::vector<std::string> words;  // the command and its arguments
};

// Returns what is wrong, "": nothing. `words`: of the command line.
std::string ReadCtlOptions(const std::vector<std::string>& words, CtlSettings& options);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_OPTIONS_H_
