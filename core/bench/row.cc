#include "core/bench/row.h"

#include <time.h>
#include <unistd.h>

#include <fstream>

namespace sluice::bench {
namespace {

core::Duration Read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

int64_t Resident() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

void Run::Begin() {
  resident_begin_ = Resident();
  wall_begin_ = Read(CLOCK_MONOTONIC);
  cpu_begin_ = Read(CLOCK_PROCESS_CPUTIME_ID);
}

void Run::End() {
  cpu_ += Read(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin_;
  wall_ += Read(CLOCK_MONOTONIC) - wall_begin_;
  resident_ = Resident() - resident_begin_;
}

}  // namespace sluice::bench
