// Mpsc: nothing is lost or doubled, whatever is cancelled when: every order, and a storm.
#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <tuple>
#include <utility>

#include "core/runtime/task_group.h"
#include "core/sync/mpsc.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"
#include "tests/core/sync/mpsc_cases.h"

namespace sluice::core::testing {
namespace {

TEST(MpscCancelTest, NoReceiveLosesAValueInAnyOrder) { EXPECT_EQ(FindBadOrder<ReceiveCase>(), ""); }
TEST(MpscCancelTest, NoSendIsLostOrSentTwiceInAnyOrder) { EXPECT_EQ(FindBadOrder<SendCase>(), ""); }
TEST(MpscCancelTest, NoPermitIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<ReserveCase>(), ""); }

// Tasks on two workers and a plain thread send through few slots; many sends and receives are cut
// short at some moment. Each value arrives once, those of a sender in order.
constexpr int kSenders = 8;
constexpr int kEach = 3'000;

Task<void> StormSend(Mpsc<MoveOnly>::Sender sender, ValueCounts& counts, int name) {
  for (int i = 0; i < kEach; ++i) {
    MoveOnly value(counts, name * kEach + i);
    for (;;) {
      if (i % 3 == 0) {
        auto permit = (co_await Select(sender.Reserve(), Yield()));
        if (!permit.Get<0>().ok()) continue;
        permit.Get<0>()->Send(std::move(value));
        break;
      }
      auto outcome = co_await Select(sender.Send(std::move(value)), Yield());
      auto& sent = outcome.Get<0>();
      if (sent.ok()) break;
      value = sent.TakeUnsent();
    }
  }
}
Task<void> StormMain(TestRuntime& runtime, ValueCounts& counts) {
  auto [sender, receiver] = Mpsc<MoveOnly>::Make(2);
  TaskGroup group(runtime.handle());
  for (int name = 0; name < kSenders - 1; ++name) {
    group.Spawn(StormSend(sender, counts, name), runtime.worker(static_cast<uint32_t>(name) % 2));
  }
  std::thread thread([&counts, sender = sender]() mutable {
    for (int i = 0; i < kEach; ++i) {
      EXPECT_TRUE(sender.BlockingSend(MoveOnly(counts, (kSenders - 1) * kEach + i)).ok());
    }
  });
  {
    auto gone = std::move(sender);
  }
  std::array<int, kSenders> next{};
  for (;;) {
    auto outcome = co_await Select(receiver.Next(), Yield());
    auto& value = outcome.Get<0>();
    if (!value.ok() && value.error() == ECANCELED) continue;
    if (!value.ok()) break;
    int& of_sender = next[static_cast<size_t>(value->number() / kEach)];
    EXPECT_EQ(value->number() % kEach, of_sender++);
  }
  for (int count : next) EXPECT_EQ(count, kEach);
  thread.join();
  co_await group.Join();
}
TEST(MpscCancelTest, NothingIsLostInAStorm) {
  ValueCounts counts;
  TestRuntime runtime(2);
  runtime.Run(StormMain(runtime, counts));
  EXPECT_EQ(counts.alive, 0);
}

}  // namespace
}  // namespace sluice::core::testing
