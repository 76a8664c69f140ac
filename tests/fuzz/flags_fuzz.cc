// The command line, one argument per line: what is taken is a combination that main can serve, and
// the same in its full spelling.
#include <string>
#include <vector>

#include "proxy/app/flags.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::Flags;

enum Mistake : size_t { kNone, kDemoWithCheck, kForgetsVerbose, kNoConfig };

absl::StatusOr<Flags> Parse(std::vector<std::string> arguments, size_t mistake) {
  arguments.insert(arguments.begin(), "sluice");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  absl::StatusOr<Flags> flags = proxy::ParseFlags(static_cast<int>(arguments.size()), argv.data());
  if (!flags.ok()) return flags;
  if (mistake == kDemoWithCheck && flags->demo) flags->check = true;
  if (mistake == kForgetsVerbose && arguments.back() == "--verbose") flags->verbose = false;
  if (mistake == kNoConfig && flags->check) flags->config.clear();
  return flags;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, std::min(text.find('\0'), end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> Spell(const Flags& flags) {
  std::vector<std::string> words;
  if (!flags.config.empty()) words.push_back("--config=" + flags.config);
  if (flags.check) words.emplace_back("--check");
  if (flags.print_config) words.emplace_back("--print-config");
  if (flags.show_secrets) words.emplace_back("--show-secrets");
  if (flags.diff) words.push_back("--diff=" + *flags.diff);
  if (flags.demo) words.emplace_back("--demo");
  if (flags.version) words.emplace_back("--version");
  if (flags.verbose) words.emplace_back("--verbose");
  if (flags.help) words.emplace_back("--help");
  return words;
}

void Check(std::string_view text, size_t mistake) {
  const absl::StatusOr<Flags> flags = Parse(Lines(text), mistake);
  if (!flags.ok()) {
    Expect(!flags.status().message().empty(), "a message", text);
    return;
  }
  if (!flags->help && !flags->version) {
    Expect(flags->demo != !flags->config.empty(), "a configuration or the demo", text);
    Expect(!flags->demo || (!flags->check && !flags->print_config && !flags->diff),
           "the demo is served", text);
    Expect(!flags->verbose, "--verbose without --version", text);
  }
  const absl::StatusOr<Flags> again = Parse(Spell(*flags), mistake);
  Expect(again.ok() && Spell(*again) == Spell(*flags), "spelled out and parsed", text);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "flags",
      .run = Check,
      .mistakes = {"--demo with --check", "--verbose in full is forgotten",
                   "--check without a file"},
      .words = {"-c",
                "-t",
                "-V",
                "-h",
                "--config",
                "--config=",
                "--check",
                "--print-config",
                "--diff",
                "--diff=",
                "--demo",
                "--version",
                "--verbose",
                "--help",
                "--",
                "-",
                "--c",
                "--ver",
                "\n",
                "\n",
                "x.yaml",
                "-cx",
                "-tc",
                "=",
                std::string("\0", 1)},
      .random_inputs = 20000,
      .max_size = 256};
  return target;
}

}  // namespace sluice::fuzz
