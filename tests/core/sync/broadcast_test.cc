// Broadcast: every receiver sees every value in order, or is told how many it has missed; values
// live no longer than they are wanted; nothing is lost by a cancellation.
#include "core/sync/broadcast.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Channel = Broadcast<Copied>;

// The number, "lagged N" or the error.
std::string Text(IoResult<Channel::Item> got) {
  if (!got.ok()) return got.error() == EPIPE ? "end" : got.error() == EAGAIN ? "none" : "cancelled";
  if (const auto* lagged = std::get_if<Lagged>(&*got)) {
    return "lagged " + std::to_string(lagged->missed);
  }
  return std::to_string(std::get<Copied>(*got).number());
}

TEST(BroadcastTest, EveryReceiverSeesWhatWasSentSinceItSubscribed) {
  ValueCounts counts;
  auto [sender, first] = Channel::Make(3);
  EXPECT_EQ(sender.Send(Copied(counts, 0)), 1u);
  auto second = sender.Subscribe();
  EXPECT_EQ(sender.receivers(), 2u);
  EXPECT_EQ(sender.Send(Copied(counts, 1)), 2u);
  EXPECT_EQ(Text(first.TryNext()), "0");
  EXPECT_EQ(Text(first.TryNext()), "1");
  EXPECT_EQ(Text(first.TryNext()), "none");
  EXPECT_EQ(Text(second.TryNext()), "1");
  EXPECT_EQ(Text(second.TryNext()), "none");
}

TEST(BroadcastTest, ASlowReceiverIsToldHowManyItHasMissedAndGoesOn) {
  for (uint64_t capacity : {1u, 3u, 4u, 5u}) {  // also where the slots are more than that
    ValueCounts counts;
    auto [sender, receiver] = Channel::Make(capacity);
    for (int i = 0; i < 20; ++i) {
      sender.Send(Copied(counts, i));
      EXPECT_LE(counts.alive, static_cast<int>(capacity));
    }
    EXPECT_EQ(Text(receiver.TryNext()), "lagged " + std::to_string(20 - capacity));
    for (uint64_t i = 20 - capacity; i < 20; ++i) {
      EXPECT_EQ(Text(receiver.TryNext()), std::to_string(i));
    }
    EXPECT_EQ(Text(receiver.TryNext()), "none");
    EXPECT_EQ(counts.alive, 0);
  }
}

TEST(BroadcastTest, ItEndsBehindTheLastValue) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  std::optional<Channel::Sender> second(sender);
  second->Send(Copied(counts, 0));
  {
    auto gone = std::move(sender);
  }
  EXPECT_EQ(Text(receiver.TryNext()), "0");
  EXPECT_EQ(Text(receiver.TryNext()), "none");
  for (int i = 1; i < 4; ++i) second->Send(Copied(counts, i));
  second.reset();
  EXPECT_EQ(Text(receiver.TryNext()), "lagged 1");
  EXPECT_EQ(Text(receiver.TryNext()), "2");
  EXPECT_EQ(Text(receiver.BlockingNext()), "3");
  EXPECT_EQ(Text(receiver.BlockingNext()), "end");
}

TEST(BroadcastTest, WithoutReceiversTheValueGoes) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  {
    auto gone = std::move(receiver);
  }
  EXPECT_EQ(sender.Send(Copied(counts, 0)), 0u);
  EXPECT_EQ(counts.alive, 0);
  auto late = sender.Subscribe();
  EXPECT_EQ(Text(late.TryNext()), "none");
}

TEST(BroadcastTest, AValueIsMovedToTheLastReceiverAndThenIsGone) {
  ValueCounts counts;
  auto [sender, first] = Channel::Make(4);
  auto second = sender.Subscribe();
  auto third = sender.Subscribe();
  for (int i = 0; i < 2; ++i) sender.Send(Copied(counts, i));
  EXPECT_EQ(Text(first.TryNext()), "0");
  EXPECT_EQ(Text(second.TryNext()), "0");
  EXPECT_EQ(Text(third.TryNext()), "0");
  EXPECT_EQ(counts.copies, 2);
  EXPECT_EQ(counts.alive, 1);
  // Receivers that go want nothing any more.
  {
    auto gone = std::move(first);
  }
  {
    auto gone = std::move(second);
  }
  EXPECT_EQ(counts.alive, 1);
  {
    auto gone = std::move(third);
  }
  EXPECT_EQ(counts.alive, 0);
}

// A value goes outside of the lock: here its end takes the lock again.
struct Knot {
  std::shared_ptr<Broadcast<Knot>::Sender> sender;
};
TEST(BroadcastTest, AValueMayHoldASenderOfItsOwnChannel) {
  auto [sender, receiver] = Broadcast<Knot>::Make(1);
  sender.Send({std::make_shared<Broadcast<Knot>::Sender>(sender)});
  sender.Send({std::make_shared<Broadcast<Knot>::Sender>(sender)});  // overwrites
  {
    auto gone = std::move(receiver);
  }
  EXPECT_EQ(sender.receivers(), 0u);
}

Task<void> WaitMain() {
  ValueCounts counts;
  auto [sender, first] = Channel::Make(2);
  auto second = sender.Subscribe();
  std::string told;
  auto receive = [](Channel::Receiver from, std::string& told) -> Task<void> {
    for (;;) {
      const std::string text = Text(co_await from.Next());
      told += text + ",";
      if (text == "end") co_return;
    }
  };
  auto send = [](Channel::Sender to, ValueCounts& counts) -> Task<void> {
    to.Send(Copied(counts, 0));
    co_await Yield();
    for (int i = 1; i < 4; ++i) to.Send(Copied(counts, i));
    co_await Yield();
    to = {};  // a parameter would live as long as the Join
  };
  co_await Join(receive(std::move(first), told), receive(std::move(second), told),
                send(std::move(sender), counts));
  EXPECT_EQ(told, "0,0,lagged 1,2,3,lagged 1,2,3,end,end,");
}
TEST(BroadcastTest, AReceiverWaitsForAValueOrTheEnd) { TestRuntime(1).Run(WaitMain()); }

// Each wait is a receiver of its own; what it does not get by waiting is there afterwards.
struct BroadcastCase {
  BroadcastCase() {
    auto [first_sender, first] = Channel::Make(2);
    sender = std::move(first_sender);
    receivers.push_back(sender.Subscribe());
    receivers.push_back(sender.Subscribe());
  }
  Task<bool> Wait(int i) {
    const std::string text = Text(co_await receivers[static_cast<size_t>(i)].Next());
    if (text != "0" && text != "cancelled") wrong = "a receiver got " + text;
    co_return text == "0";
  }
  void Grant(int i) { sent += static_cast<int>(sender.Send(Copied(counts, i))); }
  std::string Check(const CancelRun& run) {
    if (!wrong.empty() || sent != 2 * run.given) return wrong + " or a send failed";
    for (int i = 0; i < 2; ++i) {
      if (run.begun[i] && !run.ended[i] && run.given > 0)
        return "one waits though there is a value";
    }
    if (run.waiting > 0 || run.given < 2 || !run.begun[0] || !run.begun[1] || counts.alive == 0) {
      return "";
    }
    for (int i = 0; i < 2; ++i) {  // reads what is left, once
      Channel::Receiver& receiver = receivers[static_cast<size_t>(i)];
      if (!run.has_got[i] && Text(receiver.TryNext()) != "0") return "the first value was lost";
      if (Text(receiver.TryNext()) != "1") return "the second value was lost";
      if (Text(receiver.TryNext()) != "none") return "a value was doubled";
    }
    return counts.alive == 0 ? "" : "a value was leaked";
  }

  ValueCounts counts;
  Channel::Sender sender;
  std::vector<Channel::Receiver> receivers;
  std::string wrong;
  int sent = 0;
};
TEST(BroadcastTest, NoValueIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<BroadcastCase>(), ""); }

// Receivers on two workers and in a plain thread: what they see and what they miss is all there
// was.
constexpr int kSends = 20'000;

struct Tally {
  // False: the end. What comes is behind what came before.
  bool Count(IoResult<Broadcast<int>::Item> got) {
    if (!got.ok()) {
      EXPECT_TRUE(got.error() == EPIPE || got.error() == ECANCELED);
      return got.error() != EPIPE;
    }
    if (const auto* lagged = std::get_if<Lagged>(&*got)) {
      next += static_cast<int>(lagged->missed);
    } else {
      EXPECT_EQ(std::get<int>(*got), next++);
    }
    return true;
  }
  int next = 0;
};
Task<void> StormReceive(Broadcast<int>::Receiver receiver) {
  Tally tally;
  while (tally.Count((co_await Select(receiver.Next(), Yield())).Get<0>())) {
  }
  EXPECT_EQ(tally.next, kSends);
}
Task<void> StormSend(Broadcast<int>::Sender sender) {
  for (int i = 0; i < kSends; ++i) {
    sender.Send(i);
    if (i % 7 == 0) co_await Yield();
  }
  sender = {};
}
Task<void> StormMain(TestRuntime& runtime) {
  auto [sender, receiver] = Broadcast<int>::Make(16);
  TaskGroup group(runtime.handle());
  for (uint32_t i = 0; i < 4; ++i) {
    group.Spawn(StormReceive(sender.Subscribe()), runtime.worker(i % 2));
  }
  std::thread thread([receiver = std::move(receiver)]() mutable {
    Tally tally;
    while (tally.Count(receiver.BlockingNext())) {
    }
    EXPECT_EQ(tally.next, kSends);
  });
  co_await StormSend(std::move(sender));
  co_await group.Join();
  thread.join();
}
TEST(BroadcastTest, NothingIsLostUntoldInAStorm) {
  TestRuntime runtime(2);
  runtime.Run(StormMain(runtime));
}

using BroadcastDeathTest = ::testing::Test;
Task<void> TwiceMain() {
  auto [sender, receiver] = Broadcast<int>::Make(1);
  (void)co_await Join(receiver.Next(), receiver.Next());
}
TEST(BroadcastDeathTest, MisuseIsToldWhatToDo) {
  EXPECT_DEATH((void)Broadcast<int>::Make(0), "a capacity of 1 is the smallest");
  EXPECT_DEATH(TestRuntime(1).Run(TwiceMain()), "have a Receiver for each task");
}

}  // namespace
}  // namespace sluice::core::testing
