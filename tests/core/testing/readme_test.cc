// The examples of core/README.md, as they stand there: a test of what runs in tasks, and an
// awaitable.
#include <gtest/gtest.h>

#include <coroutine>
#include <string>

#include "absl/synchronization/mutex.h"
#include "core/sluice.h"
#include "core/sync/wait_list.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "tests/core/support/cancel_driver.h"

namespace {

namespace core = sluice::core;
using std::chrono_literals::operator""h;

#include "tests/core/testing/chat_example.inc"
#include "tests/core/testing/turnstile_example.inc"

// What the page says of it: no push is lost or doubled in any order.
struct TurnstileCase {
  core::Task<bool> Wait(int) { co_return co_await gate.Pass(); }
  void Grant(int) { gate.Push(); }
  std::string Check(const core::testing::CancelRun& run) {
    if (run.got > run.given) return "a push was doubled";
    return run.waiting > 0 && run.got < run.given ? "a push was lost" : "";
  }

  Turnstile gate;
};
TEST(ReadmeTest, AnAwaitableOfYourOwn) {
  EXPECT_EQ(core::testing::FindBadOrder<TurnstileCase>(), "");
}

}  // namespace
