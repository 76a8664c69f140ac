// `sluice completion SHELL`: a script with which a shell completes command lines of sluice, made
// from the tables of commands.h. Names of endpoints and upstreams are asked of the running process.
//
//     bash   source <(sluice completion bash)
//     zsh    source <(sluice completion zsh), or as a file _sluice in $fpath
//     fish   sluice completion fish | source
//
// Checked by: tests/e2e/test_completion.py.
#ifndef SLUICE_PROXY_CTL_COMPLETION_H_
#define SLUICE_PROXY_CTL_COMPLETION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::proxy {

// What the command line of sluice itself may begin with.
struct CommandLine {
  struct Word {
    std::string name;  // "ctl"
    std::string help;
  };
  std::vector<Word> words;
  std::vector<std::string> options;  // "--check"
};

// INVALID_ARGUMENT: there is no such shell.
absl::StatusOr<std::string> CompletionScript(std::string_view shell,
                                             const CommandLine& command_line);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_COMPLETION_H_
