#include "proxy/app/flags.h"

#include <getopt.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "conf/text/text.h"

namespace sluice::proxy {
namespace {

constexpr char kSeeHelp[] = "See sluice --help.";

enum LongOnly { kPrintConfig = 256, kShowSecrets, kDiff, kDemo, kVerbose };

constexpr FlagRow kRows[] = {
    {'c', "config", "FILE", "the configuration (YAML)", 'c'},
    {'t', "check", "", "validate it and end: nothing is bound, silent when all is well", 't'},
    {0, "print-config", "", "print the effective configuration and end", kPrintConfig},
    {0, "show-secrets", "", "with --print-config: show tokens, which are *** otherwise",
     kShowSecrets},
    {0, "diff", "OTHER", "print what would change if FILE took the place of OTHER, and end", kDiff},
    {0, "demo", "", "needs no file: proxies 127.0.0.1:8080 to a small built-in HTTP server", kDemo},
    {'V', "version", "", "print the version; with --verbose also libraries and kernel features",
     'V'},
    {0, "verbose", "", "", kVerbose},
    {'h', "help", "", "print this", 'h'},
};

constexpr Subcommand kSubcommands[] = {
    {"ctl", "COMMAND", "asks a process that runs; see sluice ctl --help"},
    {"top", "", "shows what a process that runs does, on a terminal"},
    {"tasks", "", "shows what the tasks of a process do, on a terminal"},
    {"completion", "bash|zsh|fish", "prints what completes all this in a shell"},
    {"convert", "haproxy|nginx FILE", "prints a configuration of theirs in our words"},
    {"schema", "", "prints the JSON Schema of configurations, for editors"},
};

constexpr Meaning kExitCodes[] = {
    {"0", "ok"}, {"1", "failure at run time"}, {"2", "usage"}, {"78", "bad configuration"}};

constexpr Meaning kSignals[] = {
    {"SIGTERM, SIGINT and SIGQUIT", "let sessions finish, a second one ends at once"},
    {"SIGHUP", "reloads the configuration"},
    {"SIGUSR1", "reopens the access log"},
    {"SIGUSR2", "hands over to a new binary at the same path"},
};

// As getopt_long wants it.
std::vector<option> Options() {
  std::vector<option> options;
  for (const FlagRow& row : kRows) {
    options.push_back(
        {row.name.data(), row.value.empty() ? no_argument : required_argument, nullptr, row.code});
  }
  options.push_back({});
  return options;
}

// A word of the command line, cut when long, without what a terminal might obey.
std::string Shown(std::string_view word) {
  constexpr size_t kMax = 200;
  return conf::Printable(word.substr(0, kMax)) + (word.size() > kMax ? "..." : "");
}

// "--name=value", "-name" and "name" as "--name".
std::string LongName(std::string_view word) {
  word = word.substr(0, word.find('='));
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return absl::StrCat("--", std::string(word));
}

// What other programs call our options.
std::string_view Habit(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kHabits[] = {
      {"--file", "--config"},
      {"--conf", "--config"},
      {"--configuration", "--config"},
      {"--test", "--check"},
      {"--validate", "--check"},
      {"--dry-run", "--check"},
      {"--configtest", "--check"},
      {"--dump", "--print-config"},
      {"--show-config", "--print-config"},
      {"--usage", "--help"},
      {"--f", "--config"},
      {"--?", "--help"},
      {"--v", "--version"},
      {"--T", "--check"},
  };
  for (const auto& [word, ours] : kHabits) {
    if (word == name) return ours;
  }
  return "";
}

absl::Status Wrong(std::string_view why) {
  const bool has_end = why.ends_with('?');
  return absl::InvalidArgumentError(absl::StrCat(std::string(why), has_end ? " " : ". ", kSeeHelp));
}

// `word` is no option of ours: what it was probably to be, and where all are listed.
absl::Status Unknown(std::string_view what, std::string_view word) {
  const std::vector<std::string> names = LongOptions();
  const std::string name = LongName(word);
  std::vector<std::string> longer;
  std::ranges::copy_if(names, std::back_inserter(longer),
                       [&](const std::string& each) { return each.starts_with(name); });
  if (longer.size() > 1) {
    return Wrong(absl::StrCat(Shown(word), " is short for ", absl::StrJoin(longer, " and for ")));
  }
  std::string meant(Habit(name));
  if (meant.empty() && name.size() > 3) meant = conf::Nearest(name, names).value_or("");
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " ", Shown(word),
                                                 meant.empty() ? ". " : ": did you mean ", meant,
                                                 meant.empty() ? "" : "? ", kSeeHelp));
}

absl::Status Validate(const Flags& flags) {
  if (flags.version || flags.help) return absl::OkStatus();
  if (flags.demo && !flags.config.empty()) {
    return Wrong("--demo needs no --config: it has a configuration of its own");
  }
  if (flags.demo && (flags.check || flags.print_config || flags.diff)) {
    return Wrong("--check, --print-config and --diff need --config, not --demo");
  }
  if (flags.print_config && flags.diff) {
    return Wrong("--print-config and --diff print two different things: one of them is enough");
  }
  if (flags.show_secrets && !flags.print_config) {
    return Wrong("--show-secrets only goes with --print-config");
  }
  if (!flags.demo && flags.config.empty()) {
    return Wrong("--config FILE or --demo is needed");
  }
  if (flags.verbose) return Wrong("--verbose only goes with --version");
  return absl::OkStatus();
}

absl::Status Unexpected(std::string_view word, const Flags& flags) {
  const bool is_file =
      word.ends_with(".yaml") || word.ends_with(".yml") || word.find('/') != word.npos;
  if (is_file && flags.config.empty()) {
    return Wrong(absl::StrCat("unexpected argument ", Shown(word), ": did you mean --config ",
                              Shown(word), "?"));
  }
  return Unknown("unexpected argument", word);
}

}  // namespace

std::vector<std::string> LongOptions() {
  std::vector<std::string> names;
  for (const FlagRow& row : kRows) names.push_back(absl::StrCat("--", std::string(row.name)));
  return names;
}

std::span<const FlagRow> FlagRows() { return kRows; }
std::span<const Subcommand> Subcommands() { return kSubcommands; }
std::span<const Meaning> ExitCodes() { return kExitCodes; }
std::span<const Meaning> SignalMeanings() { return kSignals; }

std::string Usage() {
  std::string text =
      "usage: sluice --config FILE [--check] [--print-config [--show-secrets]] [--diff OTHER]\n"
      "       sluice --demo | --version [--verbose] | --help\n";
  for (const Subcommand& each : kSubcommands) {
    const std::string call =
        conf::Cat("sluice ", each.name, each.words.empty() ? "" : " ", each.words);
    text += conf::Cat("       ", call, std::string(call.size() < 22 ? 24 - call.size() : 6, ' '),
                      each.help, "\n");
  }
  text += "\n";
  constexpr size_t kHelpColumn = 22;
  for (const FlagRow& row : kRows) {
    if (row.help.empty()) continue;  // another one tells it
    std::string line =
        row.letter == 0 ? "      " : conf::Cat("  -", std::string(1, row.letter), ", ");
    line += conf::Cat("--", row.name, row.value.empty() ? "" : " ", row.value);
    line.resize(std::max(line.size() + 2, kHelpColumn), ' ');
    text += conf::Cat(line, row.help, "\n");
  }
  const auto list = [&text](std::string_view title, std::span<const Meaning> meanings,
                            std::string_view between) {
    text += title;
    for (const Meaning& each : meanings) {
      text += conf::Cat(&each == meanings.data() ? " " : between, each.name, " ", each.text);
    }
    text += ".\n";
  };
  text += "\n";
  list("Exit codes:", kExitCodes, ", ");
  list("Signals:", kSignals, ";\n");
  return text;
}

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  opterr = 0;
  optind = 0;  // glibc: begin with the first argument
  const std::vector<option> options = Options();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads
  for (int option; (option = getopt_long(argc, argv, ":c:tVh", options.data(), nullptr)) != -1;) {
    switch (option) {
      case 'c':
        flags.config = optarg;
        break;
      case 't':
        flags.check = true;
        break;
      case kPrintConfig:
        flags.print_config = true;
        break;
      case kShowSecrets:
        flags.show_secrets = true;
        break;
      case kDiff:
        flags.diff = optarg;
        break;
      case kDemo:
        flags.demo = true;
        break;
      case 'V':
        flags.version = true;
        break;
      case kVerbose:
        flags.verbose = true;
        break;
      case 'h':
        flags.help = true;
        break;
      case ':':
        return Wrong(absl::StrCat(Shown(argv[optind - 1]), " needs the path of a file"));
      default:
        return Unknown("unknown option", argv[optind - 1]);
    }
  }
  if (optind < argc) {
    return Unexpected(argv[optind], flags);
  }
  absl::Status valid = Validate(flags);
  if (!valid.ok()) return valid;
  return flags;
}

}  // namespace sluice::proxy
