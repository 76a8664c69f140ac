// What sluice does besides serving: `sluice ctl`, `sluice schema` and the others of Subcommands().
#ifndef SLUICE_PROXY_APP_SUBCOMMANDS_H_
#define SLUICE_PROXY_APP_SUBCOMMANDS_H_

#include <optional>

namespace sluice::proxy {

// Runs the one that the command line begins with. Returns the exit code; nothing if it begins with
// none.
std::optional<int> RunSubcommand(int argc, char** argv);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_SUBCOMMANDS_H_
