// The three ways to run a program that core/README.md begins with, with one include. Its programs:
// tests/core/testing/readme_test.cc.
#include <gtest/gtest.h>

#include <utility>

#include "absl/status/status.h"
#include "core/sluice.h"

namespace {

namespace core = sluice::core;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

core::Task<int> Main() {
  co_await core::Sleep(5ms);
  co_return 0;
}
TEST(ProgramTest, AMainInOneLine) { EXPECT_EQ(core::RunMain(Main()), 0); }

core::Task<int> Compute(int number) {
  co_await core::Yield();
  co_return number* number;
}
TEST(ProgramTest, ARuntimeThatIsBlockedOn) {
  core::Runtime runtime({.workers = 2});
  EXPECT_EQ(runtime.BlockOn(Compute(3)), 9);
  EXPECT_EQ(runtime.BlockOn(Compute(4)), 16);
}

TEST(ProgramTest, ARuntimeBesideTheProgram) {
  core::Runtime runtime({.workers = 2});
  absl::Status status = runtime.StartInBackground();
  ASSERT_TRUE(status.ok()) << status;
  core::JoinHandle<int> handle = runtime.handle().Spawn(Compute(5));
  EXPECT_EQ(runtime.BlockOn(std::move(handle)).value(), 25);
  EXPECT_TRUE(runtime.Shutdown(10s));
}

}  // namespace
