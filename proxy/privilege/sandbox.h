// Sandbox: the system calls that the process may make from now on, and no others (seccomp).
//
//   FREE ── EnterSandbox ──► CONFINED: a call that is not in the list fails with EPERM
//                               │ it starts a successor
//                               ▼
//                            CONFINED too, before its first line; EnterSandbox does nothing there
//                            if the list is the same one, else its own list holds beside it
//
// A call that is not allowed never ends the process: what it was for fails, and the kernel's audit
// log has a line with its number. What runs inside of a ring of io_uring is not seen by a filter.
// Memory is not writable and executable at once, and does not become executable. Programs may be
// started, as an upgrade does it: they are under the same filter and have the same rights.
//
// Threads: before there is a second one; later ones inherit it.
// Checked by: tests/proxy/privilege/sandbox_test.cc, tests/e2e/test_sandbox.py.
#ifndef SLUICE_PROXY_PRIVILEGE_SANDBOX_H_
#define SLUICE_PROXY_PRIVILEGE_SANDBOX_H_

#include "absl/status/status.h"

namespace sluice::proxy {

// The error is a sentence: the kernel has no such filters, or does not let the process have one.
absl::Status EnterSandbox();

// Names the list to a successor, by the environment: "" is another one, or none.
inline constexpr const char* kSandboxVariable = "SLUICE_SANDBOX";

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_PRIVILEGE_SANDBOX_H_
