// The command line.
#ifndef SLUICE_PROXY_APP_FLAGS_H_
#define SLUICE_PROXY_APP_FLAGS_H_

#include <optional>
#include <span>
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

// One row for each option: of the command line, the help, the completions and the manual.
struct FlagRow {
  char letter;             // 'c' of -c, or 0
  std::string_view name;   // "config"
  std::string_view value;  // "FILE"; "": it takes none
  std::string_view help;   // a line
  int code;                // what getopt_long answers
};
std::span<const FlagRow> FlagRows();

// What the first word of the command line may be, in place of options.
struct Subcommand {
  std::string_view name;
  std::string_view words;  // behind it, for people: "bash|zsh|fish"
  std::string_view help;   // a phrase
};
std::span<const Subcommand> Subcommands();

struct Meaning {
  std::string_view name;
  std::string_view text;
};
std::span<const Meaning> ExitCodes();
std::span<const Meaning> SignalMeanings();

// What --help prints.
std::string Usage();

// "--config" and the others.
std::vector<std::string> LongOptions();

// INVALID_ARGUMENT with what is wrong with the command line.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_FLAGS_H_
