// sim: runs simulations from the command line; see README.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/runner.h"

namespace {

using sluice::sim::Mutant;
using sluice::sim::Outcome;
using sluice::sim::RunOptions;

constexpr const char* kUsage =
    "sim [--seed N] [--count N] [--mutant NAME] [--clients MASK] [--faults MASK] [--no-shrink] "
    "[--verbose]\n"
    "  runs seeds from --seed (1) on, --count (1) of them, until one fails; shows it, shrunk\n";

Mutant MutantByName(const char* name) {
  for (int i = 0; i < static_cast<int>(Mutant::kCount); ++i) {
    if (std::strcmp(Name(static_cast<Mutant>(i)), name) == 0) return static_cast<Mutant>(i);
  }
  std::fprintf(stderr, "no such mutant: %s\n", name);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  RunOptions options;
  uint64_t count = 1;
  bool shrink = true;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--no-shrink" || flag == "--verbose") {
      if (flag == "--verbose") options.verbose = true;
      shrink = false;
      continue;
    }
    if (i + 1 == argc) {
      std::fputs(kUsage, stderr);
      return 2;
    }
    const char* value = argv[++i];
    const uint64_t number = std::strtoull(value, nullptr, 0);
    if (flag == "--seed") {
      options.seed = number;
    } else if (flag == "--count") {
      count = number;
    } else if (flag == "--mutant") {
      options.mutant = MutantByName(value);
    } else if (flag == "--clients") {
      options.clients = number;
    } else if (flag == "--faults") {
      options.faults = number;
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  Outcome outcome = RunSeeds(options, count, /*quiet=*/false);
  if (outcome.ok) {
    std::printf("%llu seeds: all is well\n", static_cast<unsigned long long>(count));
    return 0;
  }
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(outcome.options.seed),
              outcome.why.c_str());
  if (options.verbose) return 1;
  if (shrink) outcome = Shrink(outcome);
  outcome.options.trace = true;
  outcome = RunSeeds(outcome.options, 1, /*quiet=*/false);
  std::printf("%s\nreplay: %s\n", outcome.why.c_str(),
              sluice::sim::ReplayCommand(outcome.options).c_str());
  return 1;
}
