// How the process ends: its exit codes, and the sentences that come with them.
#ifndef SLUICE_PROXY_APP_EXIT_H_
#define SLUICE_PROXY_APP_EXIT_H_

#include <string_view>

#include "absl/status/status.h"
#include "core/log/logger.h"

namespace sluice::proxy {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConfig = 78;  // EX_CONFIG of <sysexits.h>

// Writes a sentence to standard error, before there is a log. Returns the exit code.
int Complain(std::string_view message, int code = kExitFailure);
int Complain(const absl::Status& status);

// Prints an answer to standard output. Returns the exit code.
int PrintAndExit(std::string_view text);

// Ends the process after the log has been written, which a reader that is stuck does not hold up
// for longer than a second.
[[noreturn]] void Exit(core::Logger& logger, int code);

// Logs `status`, line by line, and ends the process with kExitFailure. A proxy that does not start
// says why, also where nothing is logged.
[[noreturn]] void Fail(core::Logger& logger, const absl::Status& status);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_EXIT_H_
