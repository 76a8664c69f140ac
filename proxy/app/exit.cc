#include "proxy/app/exit.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/base/clock.h"
#include "proxy/app/process.h"

namespace sluice::proxy {

using core::LogLevel;

int Complain(std::string_view message, int code) {
  std::fprintf(stderr, "sluice: %s\n", std::string(message).c_str());
  return code;
}

int Complain(const absl::Status& status) {
  const absl::string_view message = status.message();
  return Complain(std::string_view(message.data(), message.size()));
}

int PrintAndExit(std::string_view text) {
  const absl::Status printed = Print(text);
  return printed.ok() ? kExitOk : Complain(printed);
}

void Exit(core::Logger& logger, int code) {
  if (logger.Drain(1s)) CheckForLeaks();
  std::fflush(stdout);
  _exit(code);
}

void Fail(core::Logger& logger, const absl::Status& status) {
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(status.message(), '\n'))) {
    logger.Log(LogLevel::kError, "%s", line);
    if (!logger.enabled(LogLevel::kError)) Complain(line);
  }
  Exit(logger, kExitFailure);
}

}  // namespace sluice::proxy
