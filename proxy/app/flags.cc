#include "proxy/app/flags.h"

#include <getopt.h>

#include <algorithm>
#include <array>
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

constexpr std::array<option, 10> kOptions = {{
    {"config", required_argument, nullptr, 'c'},
    {"check", no_argument, nullptr, 't'},
    {"print-config", no_argument, nullptr, kPrintConfig},
    {"show-secrets", no_argument, nullptr, kShowSecrets},
    {"diff", required_argument, nullptr, kDiff},
    {"demo", no_argument, nullptr, kDemo},
    {"version", no_argument, nullptr, 'V'},
    {"verbose", no_argument, nullptr, kVerbose},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
}};

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
  for (const option& each : kOptions) {
    if (each.name != nullptr) names.push_back(absl::StrCat("--", each.name));
  }
  return names;
}

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  opterr = 0;
  optind = 0;  // glibc: begin with the first argument
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads
  for (int option; (option = getopt_long(argc, argv, ":c:tVh", kOptions.data(), nullptr)) != -1;) {
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
