// SharedPace on virtual time: exact, fair, and no session waits for one that has left; and on real
// threads: no turn is lost.
#include "proxy/session/shared_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/core/support/run.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using core::OptionalInstant;
using core::Task;
using core::testing::VirtualRuntime;

Instant Now() { return core::Worker::Current()->clock().Now(); }

struct Flow {
  size_t piece;
  uint64_t bytes = 0;
  PaceShare share = {};
};

// Sends pieces until `until`, as fast as the pace lets it.
Task<void> SendUntil(SharedPace& pace, Flow& flow, Instant until) {
  while (Now() < until) {
    const bool may_send = co_await pace.Turn(flow.share, flow.piece);
    EXPECT_TRUE(may_send);
    if (Now() < until) flow.bytes += flow.piece;
  }
}

Task<void> All(SharedPace& pace, std::vector<Flow>& flows, Duration span) {
  core::TaskGroup group(core::RuntimeHandle::Current());
  for (Flow& flow : flows) group.Spawn(SendUntil(pace, flow, Now() + span));
  co_await group.Join();
}

TEST(SharedPace, NoLimitNoWait) {
  SharedPace pace(0);
  EXPECT_FALSE(pace.limited());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(pace.TryTake(Instant(1s), 1 << 30));
}

TEST(SharedPace, TheRateAndABurst) {
  for (const uint64_t rate : {uint64_t{10'000}, uint64_t{1} << 20, uint64_t{100} << 20}) {
    VirtualRuntime runtime;
    SharedPace pace(rate);
    std::vector<Flow> flows(7, Flow{.piece = 512});
    runtime.Run(All(pace, flows, 10s));
    uint64_t sum = 0;
    for (const Flow& flow : flows) sum += flow.bytes;
    EXPECT_NEAR(static_cast<double>(sum), 10.05 * static_cast<double>(rate),
                0.002 * static_cast<double>(rate) + 1024);
  }
}

// A limit that is hardly ever reached leaves large buffers whole; a low one lets others in between.
TEST(SharedPace, ThePieceGrowsWithTheRate) {
  EXPECT_EQ(PieceAt(1), 512u);
  EXPECT_EQ(PieceAt(100'000), 2000u);
  EXPECT_EQ(PieceAt(10 << 20), 16384u);
  EXPECT_EQ(PieceAt(80 << 20), 16777u);
  EXPECT_EQ(PieceAt(uint64_t{1} << 30), 214748u);
  EXPECT_EQ(PieceAt(uint64_t{100} << 30), 262144u);
  EXPECT_EQ(PieceAt(0), 262144u);
}

// Each of a hundred has its hundredth, also the one with tiny pieces and the one with large ones.
TEST(SharedPace, AnEqualShareWhateverThePieces) {
  VirtualRuntime runtime;
  SharedPace pace(uint64_t{1} << 20);
  std::vector<Flow> flows(100, Flow{.piece = 4096});
  flows[0].piece = 100;
  flows[99].piece = 16384;
  runtime.Run(All(pace, flows, 1min));
  for (const Flow& flow : flows) {
    const double share = 60.0 * (1 << 20) / 100;
    EXPECT_NEAR(static_cast<double>(flow.bytes), share, share / 10) << flow.piece;
  }
}

// A session that seldom sends waits for no more than what is in hand and a piece of each other one.
Task<void> TalkBesideBulk(SharedPace& pace, Flow& talk, Duration& longest) {
  for (int i = 0; i < 50; ++i) {
    (void)co_await core::Sleep(100ms);
    const Instant since = Now();
    (void)co_await pace.Turn(talk.share, talk.piece);
    // At first all are newcomers, and it may come after the others.
    if (i >= 10) longest = std::max(longest, Now() - since);
  }
}
Task<void> TalkMain(SharedPace& pace, std::vector<Flow>& bulk, Flow& talk, Duration& longest) {
  co_await core::Join(All(pace, bulk, 6s), TalkBesideBulk(pace, talk, longest));
}
TEST(SharedPace, WhoSeldomSendsIsServedSoon) {
  VirtualRuntime runtime;
  SharedPace pace(uint64_t{1} << 20);
  std::vector<Flow> bulk(20, Flow{.piece = 16384});
  Flow talk = {.piece = 10};
  Duration longest{0};
  runtime.Run(TalkMain(pace, bulk, talk, longest));
  EXPECT_LE(longest, 2 * 16384 * Duration(1s) / (1 << 20) + 2ms);
}

// Nothing is left of a crowd that has gone: the one that waited behind it goes on at once.
Task<void> TakeOne(SharedPace& pace, PaceShare& share, size_t bytes, OptionalInstant& at) {
  if (co_await pace.Turn(share, bytes)) at = Now();
}
Task<void> Crowd(SharedPace& pace, std::vector<Flow>& flows) {
  std::vector<OptionalInstant> at(flows.size());
  auto leave = [](Duration after) -> Task<void> { (void)co_await core::Sleep(after); };
  // A crowd in one task: each waits in a branch of its own.
  auto wait_all = [&](auto&& self, size_t i) -> Task<void> {
    if (i + 1 == flows.size()) {
      co_await TakeOne(pace, flows[i].share, flows[i].piece, at[i]);
      co_return;
    }
    co_await core::Join(TakeOne(pace, flows[i].share, flows[i].piece, at[i]), self(self, i + 1));
  };
  co_await core::Select(wait_all(wait_all, 0), leave(2s));
}
Task<void> StayBehind(SharedPace& pace, Duration& waited) {
  (void)co_await core::Sleep(1s);
  PaceShare share;
  const Instant since = Now();
  OptionalInstant at;
  co_await TakeOne(pace, share, 16384, at);
  waited = at.value() - since;
}
Task<void> CrowdMain(SharedPace& pace, std::vector<Flow>& flows, Duration& waited) {
  co_await core::Join(Crowd(pace, flows), StayBehind(pace, waited));
}
TEST(SharedPace, ACrowdThatLeavesLeavesNothingBehind) {
  VirtualRuntime runtime;
  SharedPace pace(16384);  // a second for each: the last of them would wait for five minutes
  std::vector<Flow> flows(300, Flow{.piece = 16384});
  // Two have been served, and the crowd is gone, when the third is due.
  Duration waited{0};
  runtime.Run(CrowdMain(pace, flows, waited));
  EXPECT_GT(waited, 0s);
  EXPECT_LE(waited, 2s + 50ms);
  EXPECT_EQ(pace.waiting(), 0u);
}

// The head is cancelled while its timer runs: the next one takes over, and nothing was taken.
Task<void> HeadLeavesMain(SharedPace& pace, Duration& waited) {
  PaceShare first, second;
  EXPECT_TRUE(pace.TryTake(Now(), 1000));
  const Instant since = Now();
  OptionalInstant head_at;
  OptionalInstant next_at;
  auto sleep = []() -> Task<void> { (void)co_await core::Sleep(100ms); };
  auto leaver = [&]() -> Task<void> {
    co_await core::Select(TakeOne(pace, first, 1000, head_at), sleep());
  };
  co_await core::Join(leaver(), TakeOne(pace, second, 1000, next_at));
  EXPECT_FALSE(head_at);
  waited = next_at.value() - since;
}
TEST(SharedPace, TheHeadLeaves) {
  VirtualRuntime runtime;
  SharedPace pace(1000);
  Duration waited{0};
  runtime.Run(HeadLeavesMain(pace, waited));
  EXPECT_GE(waited, 948ms);
  EXPECT_LE(waited, 954ms);
}

// Tasks on two workers, half of which leave at any moment: every task comes to an end, and no more
// is sent than the rate allows.
Task<void> Leave(Duration after) { (void)co_await core::Sleep(after); }
Task<void> Hurried(SharedPace& pace, PaceShare& share, std::atomic<uint64_t>& sent) {
  if (co_await pace.Turn(share, 1000)) sent += 1000;
}
Task<void> Restless(SharedPace& pace, uint32_t number, std::atomic<uint64_t>& sent) {
  PaceShare share;
  for (uint32_t i = 0; i < 200; ++i) {
    if ((number + i) % 2 == 0) {
      co_await Hurried(pace, share, sent);
    } else {
      co_await core::Select(Hurried(pace, share, sent), Leave(i % 3 * 1ms));
    }
  }
}
Task<void> StormMain(core::RuntimeHandle runtime, SharedPace& pace, std::atomic<uint64_t>& sent) {
  core::TaskGroup group(runtime);
  for (uint32_t i = 0; i < 40; ++i) {
    group.Spawn(Restless(pace, i, sent), &runtime.worker(i % runtime.workers()));
  }
  co_await group.Join();
}
TEST(SharedPace, NoTurnIsLostInAStorm) {
  constexpr uint64_t kRate = 8'000'000;
  core::testing::TestRuntime runtime(2);
  SharedPace pace(kRate);
  std::atomic<uint64_t> sent{0};
  const core::MonotonicClock clock;
  const Instant since = clock.Now();
  runtime.Run(StormMain(runtime.handle(), pace, sent));
  const double seconds = std::chrono::duration<double>(clock.Now() - since).count();
  EXPECT_GE(sent, 40u * 100 * 1000) << "who does not leave has every turn";
  EXPECT_LE(static_cast<double>(sent), (seconds + 0.06) * kRate + 1000);
  EXPECT_EQ(pace.waiting(), 0u);
}

}  // namespace
}  // namespace sluice::proxy
