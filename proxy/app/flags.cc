#include "proxy/app/flags.h"

#include <getopt.h>

#include <array>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"

namespace sluice::proxy {
namespace {

enum LongOnly { kPrintConfig = 256, kDemo, kVerbose };

constexpr std::array<option, 8> kOptions = {{
    {"config", required_argument, nullptr, 'c'},
    {"check", no_argument, nullptr, 't'},
    {"print-config", no_argument, nullptr, kPrintConfig},
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

absl::Status Validate(const Flags& flags) {
  if (flags.version || flags.help) return absl::OkStatus();
  if (flags.demo && !flags.config.empty()) {
    return absl::InvalidArgumentError("--demo takes no --config");
  }
  if (flags.demo && (flags.check || flags.print_config)) {
    return absl::InvalidArgumentError("--check and --print-config need --config, not --demo");
  }
  if (!flags.demo && flags.config.empty()) {
    return absl::InvalidArgumentError("--config FILE or --demo is needed");
  }
  if (flags.verbose) return absl::InvalidArgumentError("--verbose goes with --version");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  opterr = 0;
  optind = 0;  // glibc: begin anew
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
        return absl::InvalidArgumentError(absl::StrCat(Shown(argv[optind - 1]), " needs a value"));
      default:
        return absl::InvalidArgumentError(
            absl::StrCat("unknown or ambiguous option ", Shown(argv[optind - 1])));
    }
  }
  if (optind < argc) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument ", Shown(argv[optind])));
  }
  absl::Status valid = Validate(flags);
  if (!valid.ok()) return valid;
  return flags;
}

}  // namespace sluice::proxy
