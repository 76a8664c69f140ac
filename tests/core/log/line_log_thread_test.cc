// LineLog where the system has no thread left: an error, and the process goes on.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/log/line_log.h"
#include "core/log/logger.h"
#include "tests/core/support/system_call_filter.h"

namespace sluice::core {
namespace {

// From now on, for ever.
void RefuseThreads() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  if (!testing::FilterSystemCalls(code)) {
    std::perror("seccomp");
    _exit(1);
  }
}

// What a process that has no threads left says; signals are blocked as before.
void OpenWithoutThreads(const std::string& path) {
  const MonotonicClock clock;
  const std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kWarn, LogFormat::kText);
  RefuseThreads();
  const absl::StatusOr<std::unique_ptr<LineLog>> log =
      LineLog::Open("access log", path, clock, *logger);
  std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  _exit(sigismember(&blocked, SIGTERM) == 0 ? 0 : 1);
}

TEST(LineLogThreadDeathTest, AnErrorWhereNoThreadIsLeft) {
  const std::string path = ::testing::TempDir() + "/no_thread";
  EXPECT_EXIT(OpenWithoutThreads(path), ::testing::ExitedWithCode(0),
              "RESOURCE_EXHAUSTED: access log .*no_thread: the system is out of threads");
}

}  // namespace
}  // namespace sluice::core
