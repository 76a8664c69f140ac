// A seccomp filter of a test: system calls that fail as they do where the kernel has no memory, no
// process and the like left.
#ifndef SLUICE_TESTS_CORE_SUPPORT_SYSTEM_CALL_FILTER_H_
#define SLUICE_TESTS_CORE_SUPPORT_SYSTEM_CALL_FILTER_H_

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <span>

namespace sluice::core::testing {

// For the calling thread, and for ever. `code` has seccomp_data and returns SECCOMP_RET_*. False:
// the kernel does not take it; errno says why.
inline bool FilterSystemCalls(std::span<sock_filter> code) {
  const sock_fprog program = {.len = static_cast<unsigned short>(code.size()),  // NOLINT: its type
                              .filter = code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_SYSTEM_CALL_FILTER_H_
