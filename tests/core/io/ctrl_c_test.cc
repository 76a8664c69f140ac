// CtrlC: who gets a Ctrl+C: those that wait for it, the next one that does, or RunMain.
#include "core/io/ctrl_c.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/io/run_main.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/join.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using CtrlCTest = testing::BackendTest;
SLUICE_ON_EVERY_BACKEND(CtrlCTest);

void PressCtrlC() { kill(getpid(), SIGINT); }

// RunMain has taken it.
Task<void> UntilTaken() {
  sigset_t pending;
  do {
    co_await Yield();
    sigpending(&pending);
  } while (sigismember(&pending, SIGINT) == 1);
  for (int i = 0; i < 100; ++i) co_await Yield();
}

Task<IoResult<void>> WaitForCtrlC() { co_return co_await CtrlC(); }
Task<void> Press() {
  co_await Yield();
  PressCtrlC();
}

Task<int> OnceMain() {
  for (int i = 0; i < 3; ++i) {
    auto [came, zero] = co_await Join(WaitForCtrlC(), Press());
    (void)zero;
    EXPECT_TRUE(came.ok());
  }
  EXPECT_TRUE(co_await Sleep(1ms));  // nothing has been cancelled
  co_return 0;
}
TEST_P(CtrlCTest, ItIsThatOfTheTaskThatWaits) { EXPECT_EQ(RunMain(OnceMain(), Options()), 0); }

Task<int> AllMain() {
  JoinHandle<IoResult<void>> other = Spawn(WaitForCtrlC());
  auto [came, again, zero] = co_await Join(WaitForCtrlC(), WaitForCtrlC(), Press());
  (void)zero;
  EXPECT_TRUE(came.ok() && again.ok());
  // The other task may have begun to wait after the first Ctrl+C: then it has the second.
  PressCtrlC();
  EXPECT_TRUE((co_await std::move(other)).value().ok());
  co_await UntilTaken();  // or it would be this process's
  co_return 0;
}
TEST_P(CtrlCTest, AllThatWaitAreTold) { EXPECT_EQ(RunMain(AllMain(), Options()), 0); }

Task<int> KeptMain() {
  auto cut = co_await Select(CtrlC(), Yield());
  EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
  PressCtrlC();
  co_await UntilTaken();
  EXPECT_TRUE((co_await CtrlC()).ok());
  auto once = co_await Select(CtrlC(), Yield());  // it is told once
  EXPECT_EQ(once.Get<0>().error(), ECANCELED);
  EXPECT_TRUE(co_await Sleep(1ms));
  co_return 0;
}
TEST_P(CtrlCTest, OneThatComesBetweenTwoWaitsIsKept) {
  EXPECT_EQ(RunMain(KeptMain(), Options()), 0);
}

Task<int> ImpatientMain() {
  (void)co_await Select(CtrlC(), Yield());
  PressCtrlC();
  co_await UntilTaken();
  PressCtrlC();
  EXPECT_FALSE(co_await Sleep(1h));
  co_return 4;
}
TEST_P(CtrlCTest, OneThatNothingAsksForEndsTheProgram) {
  EXPECT_EQ(RunMain(ImpatientMain(), Options()), 4);
}

Task<int> TermMain() {
  auto [came, zero] = co_await Join(WaitForCtrlC(), []() -> Task<void> {
    co_await Yield();
    kill(getpid(), SIGTERM);
  }());
  (void)zero;
  co_return came.error();
}
TEST_P(CtrlCTest, SigtermIsRunMains) { EXPECT_EQ(RunMain(TermMain(), Options()), ECANCELED); }

// The state of one program is not the next one's.
TEST_P(CtrlCTest, TheNextProgramBeginsAnew) {
  EXPECT_EQ(RunMain(OnceMain(), Options()), 0);
  EXPECT_EQ(RunMain(
                []() -> Task<int> {
                  PressCtrlC();
                  EXPECT_FALSE(co_await Sleep(1h));
                  co_return 6;
                }(),
                Options()),
            6);
}

Task<void> Outside() { (void)co_await CtrlC(); }
TEST_P(CtrlCTest, ElsewhereItIsAMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Runtime(Options()).BlockOn(Outside()), "for a program that RunMain runs");
}

}  // namespace
}  // namespace sluice::core
