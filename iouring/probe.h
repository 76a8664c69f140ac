// Finds out at start whether this kernel and sandbox let us use io_uring, and what it can do.
#ifndef SLUICE_IOURING_PROBE_H_
#define SLUICE_IOURING_PROBE_H_

#include <string>

#include "absl/status/statusor.h"

namespace sluice::iouring {

struct Features {
  // Multishot recv with a byte credit (Linux 6.17); else a recv ends after one buffer.
  bool recv_credit = false;
};

// UNAVAILABLE with one sentence that says why io_uring cannot be used: no such system call, refused
// by a sandbox or by kernel.io_uring_disabled, kernel older than 6.1, too little lockable memory.
absl::StatusOr<Features> Probe();

// Why a ring could not be made, in one sentence for the operator; `status` is Ring::Make's.
std::string Explain(const absl::Status& status);

}  // namespace sluice::iouring

#endif  // SLUICE_IOURING_PROBE_H_
