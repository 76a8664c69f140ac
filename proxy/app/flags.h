// The command line.
#ifndef SLUICE_PROXY_APP_FLAGS_H_
#define SLUICE_PROXY_APP_FLAGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::proxy {

struct Flags {
  std::string config;  // a path; empty with --demo, --version and --help
  bool check = false;
  bool print_config = false;
  bool show_secrets = false;
  std::optional<std::string> diff = std::nullopt;  // a path
  bool demo = false;
  bool version = false;
  bool verbose = false;
  bool help = false;
};

inline constexpr std::string_view kUsage =
    "usage: sluice --config FILE [--check] [--print-config [--show-secrets]] [--diff OTHER]\n"
    "       sluice --demo | --version [--verbose] | --help\n"
    "       sluice ctl COMMAND      asks a process that runs; see sluice ctl --help\n"
    "       sluice completion bash|zsh|fish      prints what completes all this in a shell\n"
    "\n"
    "  -c, --config FILE   the configuration (YAML)\n"
    "  -t, --check         validate it and end: nothing is bound, silent when all is well\n"
    "      --print-config  print the effective configuration and end\n"
    "      --show-secrets  with --print-config: show tokens, which are *** otherwise\n"
    "      --diff OTHER    print what would change if FILE took the place of OTHER, and end\n"
    "      --demo          needs no file: proxies 127.0.0.1:8080 to a small built-in HTTP server\n"
    "  -V, --version       print the version; with --verbose also libraries and kernel features\n"
    "  -h, --help          print this\n"
    "\n"
    "Exit codes: 0 ok, 1 failure at run time, 2 usage, 78 bad configuration.\n"
    "Signals: SIGTERM, SIGINT and SIGQUIT let sessions finish, a second one ends at once;\n"
    "SIGHUP reloads the configuration, SIGUSR1 reopens the access log,\n"
    "SIGUSR2 hands over to a new binary at the same path.\n";

// "--config" and the others.
std::vector<std::string> LongOptions();

// INVALID_ARGUMENT with what is wrong with the command line.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_FLAGS_H_
