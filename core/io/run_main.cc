#include "core/io/run_main.h"

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/result.h"
#include "core/io/ctrl_c.h"
#include "core/io/signals.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/outcome.h"
#include "core/task/select.h"

namespace sluice::core {
namespace {

constexpr int kFailed = 1;
constexpr int kSignalled = 128;  // plus the number, as shells do

int Complain(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
  return kFailed;
}

// In the calling thread, which is enough: the next one ends the process.
void UnblockStopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

struct End {
  Outcome<int> outcome;
  int signal;  // that has come; 0: none
};

// Returns when `main` has ended.
Task<End> Supervise(Task<int> main, SignalStream& signals, CtrlCSource& ctrl_c) {
  JoinHandle<int> handle = Spawn(std::move(main));
  IoResult<int> signal = IoError(ECANCELED);
  do {
    auto first = co_await Select(Named<"ended">(handle.Ended()), Named<"signal">(signals.Next()));
    signal = first.template Get<"signal">();
  } while (signal.ok() && *signal == SIGINT && ctrl_c.Tell());
  if (signal.ok()) handle.Abort();
  UnblockStopSignals();
  Outcome<int> outcome = co_await std::move(handle);
  co_return End{std::move(outcome), signal.ok() ? *signal : 0};
}

int ExitCode(End end) {
  if (end.outcome.has_value()) return end.outcome.value();
  if (end.outcome.cancelled()) {
    return end.signal == 0 ? Complain("the main task has given up") : kSignalled + end.signal;
  }
  try {
    std::rethrow_exception(end.outcome.exception());
  } catch (const std::exception& thrown) {
    return Complain(std::string("the main task has thrown: ") + thrown.what());
  } catch (...) {
    return Complain("the main task has thrown something");
  }
}

int RunWithSignals(Task<int> main, const RuntimeOptions& options) {
  SignalStream signals({SIGINT, SIGTERM});
  if (signals.error() != 0) {
    return Complain(std::string("cannot open a descriptor for signals: ") +
                    strerrordesc_np(signals.error()));
  }
  CtrlCSource ctrl_c;  // until the last task has ended
  Runtime runtime(options);
  const absl::Status status = runtime.Start();
  if (!status.ok()) return Complain(std::string(status.message()));
  const int code = ExitCode(runtime.BlockOn(Supervise(std::move(main), signals, ctrl_c)));
  runtime.Shutdown();
  return code;
}

Task<int> ZeroAtEnd(Task<void> main) {
  co_await std::move(main);
  co_return 0;
}

}  // namespace

int RunMain(Task<int> main, const RuntimeOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  const int code = RunWithSignals(std::move(main), options);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return code;
}

int RunMain(Task<void> main, const RuntimeOptions& options) {
  return RunMain(ZeroAtEnd(std::move(main)), options);
}

}  // namespace sluice::core
