// What the process sets up before anything else, and what it does with signals until it serves.
#ifndef SLUICE_PROXY_APP_PROCESS_H_
#define SLUICE_PROXY_APP_PROCESS_H_

#include <string_view>

#include "absl/status/status.h"

namespace sluice::proxy {

// Signals that would end or stop it for a trifle are ignored; orphans that are handed to it (it may
// be PID 1 of a container, or a subreaper) leave no zombies; and there is stack enough for the main
// thread and for those to come, whatever RLIMIT_STACK says. What the language throws for want of
// memory or threads ends the process with a sentence and exit code 1, on whatever thread. An error:
// the stack may not be as large.
absl::Status PrepareProcess();

// SIGTERM, SIGINT and SIGQUIT before the proxy serves: while the configuration is read, above all,
// which may come from a pipe without a writer.
enum class EarlyStop {
  kSucceed,  // it was to serve, and stopping is what was asked for: a line says so, exit 0
  kDie,      // it was to answer a question and has not: it dies by the signal, as any program
};

// Until a SignalStream takes these signals over. The other signals that the proxy answers while it
// serves wait for that time if it is to serve.
void EndOnStopSignal(EarlyStop how);

// Prints to standard output. An error when not all of it can be written.
absl::Status Print(std::string_view text);

// Under AddressSanitizer: ends the process with its report if memory has been lost. To be called
// when all other threads have come to rest, before the process ends without destructors.
void CheckForLeaks();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_PROCESS_H_
