// The examples of core/README.md and core/examples/README.md, as they stand there: programs in ten
// lines each, a test of what runs in tasks; and the awaitable that core/why.md tells how to write
// (core/examples/turnstile.h).
#include <gtest/gtest.h>

#include <cerrno>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/examples/turnstile.h"
#include "core/sluice.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "tests/core/support/cancel_driver.h"

namespace {

namespace core = sluice::core;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

#include "tests/core/testing/chat_example.inc"

// What the programs call.
core::Task<int> Do(int job) {
  co_await core::Yield();
  co_return job;
}
int g_asked = 0;
core::Task<core::IoResult<int>> Ask(int question) {  // answers at the third time
  if (++g_asked < 3 && !co_await core::Sleep(1h)) co_return core::IoError(ECANCELED);
  co_return question * 2;
}
core::Task<core::NamedResult<int>> Balance(std::string user) {
  co_await core::Yield();
  if (user == "bo") co_return core::NamedError{"open", "accounts", EACCES};
  if (user == "cy") throw core::Cancelled();
  if (user == "di") throw std::runtime_error("no such user");
  co_return 7;
}

#include "tests/core/testing/programs.inc"

class ReadmeTest : public core::testing::OneWorkerTest {};

TEST_F(ReadmeTest, FanIn) {
  Run([]() -> core::Task<void> { EXPECT_EQ(co_await FanIn(), 435); });
}
TEST_F(ReadmeTest, WorkerPool) {
  Run([]() -> core::Task<void> { EXPECT_EQ(co_await Pool(), 210); });
}
TEST_F(ReadmeTest, TimeoutWithRetry) {
  g_asked = 0;
  Run([]() -> core::Task<void> {
    core::IoResult<int> answer = co_await AskAgain(21);
    EXPECT_TRUE(answer.ok());
    EXPECT_EQ(*answer, 42);
    EXPECT_EQ(g_asked, 3);
  });
}
TEST_F(ReadmeTest, GracefulStopByBroadcast) {
  Run([]() -> core::Task<void> {
    const int turns = co_await GracefulStop();
    EXPECT_GE(turns, 3 * 100);  // a second, 10 ms each, and three of them
    EXPECT_LE(turns, 3 * 101);
  });
}
TEST_F(ReadmeTest, ErrorsWithContext) {
  Run([]() -> core::Task<void> {
    EXPECT_EQ(co_await Report("al"), "report for al: 7");
    EXPECT_EQ(co_await Report("bo"), "report for bo: open accounts: Permission denied");
    EXPECT_EQ(co_await Report("cy"), "report for cy: cancelled");
    EXPECT_EQ(co_await Report("di"), "report for di: no such user");
  });
}
TEST(ReadmeProgramsTest, OnTwoWorkers) {
  core::Runtime runtime({.workers = 2});
  EXPECT_EQ(runtime.BlockOn(FanIn()), 435);
  EXPECT_EQ(runtime.BlockOn(Pool()), 210);
}

// What the page says of an awaitable: no push is lost or doubled in any order.
struct TurnstileCase {
  core::Task<bool> Wait(int) { co_return co_await gate.Pass(); }
  void Grant(int) { gate.Push(); }
  std::string Check(const core::testing::CancelRun& run) {
    if (run.got > run.given) return "a push was doubled";
    return run.waiting > 0 && run.got < run.given ? "a push was lost" : "";
  }

  Turnstile gate;
};
TEST(TurnstileTest, AnAwaitableOfYourOwn) {
  EXPECT_EQ(core::testing::FindBadOrder<TurnstileCase>(), "");
}

}  // namespace
