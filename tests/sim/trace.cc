#include "tests/sim/trace.h"

#include <unistd.h>

#include <cstdio>

#include "tests/sim/runner.h"

namespace sluice::sim {

void Trace::Append(std::string line) {
  if (lines_.size() == kLines) lines_.pop_front();
  if (at_once_) {
    std::fprintf(stderr, "%10.6f %s\n", clock_.seconds(), line.c_str());
    return;
  }
  lines_.push_back(absl::StrFormat("%10.6f %s", clock_.seconds(), line));
}

void Trace::FailWith(const std::string& why) {
  for (const std::string& line : lines_) std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
  std::fprintf(stderr, "%10.6f %s\n", clock_.seconds(), why.c_str());
  ReportFailure(absl::StrFormat("at %.6f s: %s", clock_.seconds(), why));
  _exit(1);
}

}  // namespace sluice::sim
