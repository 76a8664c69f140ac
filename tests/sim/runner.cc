#include "tests/sim/runner.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_format.h"
#include "core/base/check.h"
#include "tests/sim/world.h"

namespace sluice::sim {
namespace {

constexpr unsigned kSecondsPerSeed = 60;
// While shrinking: one that has to be waited for is no smaller failure. A mistake that leaves
// memory in disorder may also end in a loop.
constexpr unsigned kSecondsPerTry = 5;

// Written by the child, read by the parent when it has ended.
struct Report {
  uint64_t seed;
  char why[1000];
};

Report& SharedReport() {
  static Report* report = [] {
    void* memory =
        mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SLUICE_CHECK(memory != MAP_FAILED);
    return static_cast<Report*>(memory);
  }();
  return *report;
}

[[noreturn]] void RunChild(RunOptions options, uint64_t count, bool quiet, unsigned seconds) {
  if (quiet) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
  for (uint64_t i = 0; i < count; ++i, ++options.seed) {
    SharedReport().seed = options.seed;
    alarm(seconds);
    World(options).Run();
  }
  _exit(0);
}

// What kind of failure it is: the message without its numbers.
std::string Kind(const std::string& why) {
  std::string kind;
  for (const char c : why) {
    if (c < '0' || c > '9') kind += c;
  }
  return kind;
}

}  // namespace

void ReportFailure(const std::string& why) {
  Report& report = SharedReport();
  const size_t length = std::min(why.size(), sizeof(report.why) - 1);
  std::memcpy(report.why, why.data(), length);
  report.why[length] = '\0';
}

namespace {

Outcome RunFor(unsigned seconds, const RunOptions& options, uint64_t count, bool quiet) {
  Report& report = SharedReport();
  report = Report();
  std::fflush(nullptr);
  const pid_t child = fork();
  SLUICE_CHECK(child >= 0);
  if (child == 0) RunChild(options, count, quiet, seconds);
  int status = 0;
  SLUICE_CHECK(waitpid(child, &status, 0) == child);
  Outcome outcome;
  outcome.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  outcome.options = options;
  outcome.options.seed = report.seed;
  outcome.why = report.why;
  if (WIFSIGNALED(status)) {
    outcome.why =
        absl::StrFormat("ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else if (!outcome.ok && outcome.why.empty()) {
    outcome.why = absl::StrFormat("ended with exit code %d", WEXITSTATUS(status));
  }
  return outcome;
}

}  // namespace

Outcome RunSeeds(const RunOptions& options, uint64_t count, bool quiet) {
  return RunFor(kSecondsPerSeed, options, count, quiet);
}

Outcome Shrink(const Outcome& failed) {
  Outcome best = failed;
  const auto try_without = [&best](auto member, unsigned bit) {
    RunOptions fewer = best.options;
    const auto mask = static_cast<std::remove_cvref_t<decltype(fewer.*member)>>(uint64_t{1} << bit);
    if ((fewer.*member & mask) == 0) return;
    fewer.*member &= ~mask;
    const Outcome outcome = RunFor(kSecondsPerTry, fewer, 1, /*quiet=*/true);
    if (!outcome.ok && Kind(outcome.why) == Kind(best.why)) best = outcome;
  };
  best.options.clients &= (uint64_t{1} << Scenario(best.options).clients) - 1;
  best.options.faults &= (uint64_t{1} << kFaultCount) - 1;
  for (unsigned bit = 0; bit < 64; ++bit) try_without(&RunOptions::clients, bit);
  for (unsigned bit = 0; bit < kFaultCount; ++bit) try_without(&RunOptions::faults, bit);
  for (unsigned bit = 0; bit < 64; ++bit) try_without(&RunOptions::clients, bit);
  return best;
}

std::string ReplayCommand(const RunOptions& options) {
  std::string command =
      absl::StrFormat("bazel run //tests/sim%s -- --seed %d",
                      options.mutant == Mutant::kNone ? "" : ":mutants", options.seed);
  if (options.mutant != Mutant::kNone) {
    absl::StrAppendFormat(&command, " --mutant %s", Name(options.mutant));
  }
  if (options.clients != ~uint64_t{0}) {
    absl::StrAppendFormat(&command, " --clients %#x", options.clients);
  }
  if (options.faults != ~uint64_t{0}) {
    absl::StrAppendFormat(&command, " --faults %#x", options.faults);
  }
  return command;
}

}  // namespace sluice::sim
