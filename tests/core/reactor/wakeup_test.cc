// What becomes of a wake-up whose signal the kernel refuses: here a pipe's reading end stands where
// the eventfd was, and cannot be written to.
#include "core/reactor/wakeup.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>

namespace sluice::core {
namespace {

class WakeupTest : public ::testing::Test {
 protected:
  WakeupTest() : kept_(dup(wakeup_.fd())) {}
  ~WakeupTest() override { close(kept_); }

  void Refuse() {
    std::array<int, 2> ends;
    ASSERT_EQ(pipe(ends.data()), 0);
    ASSERT_EQ(dup2(ends[0], wakeup_.fd()), wakeup_.fd());
    for (int end : ends) close(end);
  }
  void Allow() { ASSERT_EQ(dup2(kept_, wakeup_.fd()), wakeup_.fd()); }
  bool Signalled() const {
    pollfd entry = {.fd = kept_, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, 0) == 1;
  }

  Wakeup wakeup_{*Wakeup::Open()};
  const int kept_;
};

TEST_F(WakeupTest, SignalsOnlyASleeper) {
  EXPECT_TRUE(wakeup_.Wake());
  EXPECT_FALSE(Signalled());
  EXPECT_FALSE(wakeup_.BeginSleep());
  EXPECT_TRUE(wakeup_.BeginSleep());
  EXPECT_TRUE(wakeup_.Wake());
  EXPECT_TRUE(Signalled());
}

TEST_F(WakeupTest, ARefusedSignalIsToldAndTheNextWakeGivesIt) {
  ASSERT_TRUE(wakeup_.BeginSleep());
  Refuse();
  EXPECT_FALSE(wakeup_.Wake());
  EXPECT_FALSE(wakeup_.Wake());
  Allow();
  EXPECT_TRUE(wakeup_.Wake());
  EXPECT_TRUE(Signalled());
}

TEST_F(WakeupTest, NothingIsRefusedWhenNobodySleeps) {
  Refuse();
  EXPECT_TRUE(wakeup_.Wake());
  EXPECT_FALSE(wakeup_.BeginSleep());
}

}  // namespace
}  // namespace sluice::core
