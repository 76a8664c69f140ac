// RunMain: exit codes, and what signals do.
#include "core/io/run_main.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "core/runtime/spawn.h"
#include "core/task/outcome.h"
#include "core/task/shield.h"
#include "core/task/task.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using RunMainTest = testing::BackendTest;
SLUICE_ON_EVERY_BACKEND(RunMainTest);

Task<int> Return(int code) {
  co_await Sleep(1ms);
  co_return code;
}
Task<void> Nothing() { co_await Sleep(1ms); }
Task<int> Throw() {
  co_await Sleep(1ms);
  throw std::runtime_error("out of cheese");
}

TEST_P(RunMainTest, WhatTheTaskReturnsIsTheExitCode) {
  EXPECT_EQ(RunMain(Return(0), Options()), 0);
  EXPECT_EQ(RunMain(Return(7), Options()), 7);
  EXPECT_EQ(RunMain(Nothing(), Options()), 0);
}

TEST_P(RunMainTest, AnExceptionIsOneLineAndAFailure) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(RunMain(Throw(), Options()), 1);
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      std::string(program_invocation_short_name) + ": the main task has thrown: out of cheese\n");
}

TEST_P(RunMainTest, ARuntimeThatCannotStartIsOneLineAndAFailure) {
  RuntimeOptions options = Options();
  options.worker.buffer_size = size_t{1} << 47;  // more than there is
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(RunMain(Return(0), options), 1);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("address space"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
}

// The signal comes while the task sleeps.
Task<int> SleepUntilSignal(int signal, bool& cleaned_up) {
  kill(getpid(), signal);
  if (co_await Sleep(1h)) co_return 1;
  cleaned_up = co_await Shield(Sleep(1ms));
  co_return 5;
}
Task<int> GiveUpAtSignal(int signal) {
  kill(getpid(), signal);
  if (!co_await Sleep(1h)) throw Cancelled();
  co_return 1;
}
Task<void> Endless(bool& ended) {
  while (co_await Sleep(1h)) {
  }
  ended = true;
}
Task<int> LeaveTaskBehind(bool& ended) {
  Spawn(Endless(ended)).Detach();
  co_await Sleep(1ms);
  co_return 3;
}

TEST_P(RunMainTest, ASignalCancelsTheTaskWhichCleansUp) {
  for (const int signal : {SIGTERM, SIGINT}) {
    bool cleaned_up = false;
    EXPECT_EQ(RunMain(SleepUntilSignal(signal, cleaned_up), Options()), 5);
    EXPECT_TRUE(cleaned_up);
    EXPECT_EQ(RunMain(GiveUpAtSignal(signal), Options()), 128 + signal);
  }
}

TEST_P(RunMainTest, WhatIsLeftIsCancelledAndAwaited) {
  bool ended = false;
  EXPECT_EQ(RunMain(LeaveTaskBehind(ended), Options()), 3);
  EXPECT_TRUE(ended);
}

TEST_P(RunMainTest, LeavesTheSignalsOfItsThreadAsTheyWere) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  EXPECT_EQ(RunMain(Return(0), Options()), 0);
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal));
  }
}

using RunMainDeathTest = RunMainTest;
SLUICE_ON_EVERY_BACKEND(RunMainDeathTest);

// The first has come when the sleep is cancelled.
Task<int> StayAtSignal(int signal) {
  kill(getpid(), signal);
  co_await Sleep(1h);
  kill(getpid(), signal);
  co_await Shield(Sleep(1h));
  co_return 0;
}

TEST_P(RunMainDeathTest, ASecondSignalEndsTheProcess) {
  EXPECT_EXIT(RunMain(StayAtSignal(SIGTERM), Options()), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(RunMain(StayAtSignal(SIGINT), Options()), ::testing::KilledBySignal(SIGINT), "");
}

// A peer that has gone does not end the program.
Task<int> WriteToClosedPipe() {
  int ends[2];
  if (pipe(ends) != 0) co_return 1;
  close(ends[0]);
  const ssize_t written = write(ends[1], "x", 1);
  const int error = errno;
  close(ends[1]);
  co_return written < 0 && error == EPIPE ? 0 : 2;
}
TEST_P(RunMainDeathTest, SigpipeIsIgnored) {
  EXPECT_EXIT(std::exit(RunMain(WriteToClosedPipe(), Options())), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::core
