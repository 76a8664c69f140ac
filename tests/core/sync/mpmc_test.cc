// Mpmc: each value comes to one of the receivers, in order; both ways to close; cancellations.
#include "core/sync/mpmc.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
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

using Channel = Mpmc<MoveOnly>;

TEST(MpmcTest, EachValueComesToOneReceiver) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  auto second = receiver;
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 1)).ok());
  EXPECT_EQ(second.TryNext()->number(), 0);
  EXPECT_EQ(receiver.TryNext()->number(), 1);
  EXPECT_EQ(second.TryNext().error(), EAGAIN);
}

TEST(MpmcTest, TheLastReceiverClosesIt) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  std::optional<Channel::Receiver> second(receiver);
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  {
    auto gone = std::move(receiver);
  }
  EXPECT_TRUE(sender.TrySend(MoveOnly(counts, 1)).ok());
  EXPECT_EQ(counts.alive, 2);
  second.reset();
  EXPECT_EQ(counts.alive, 0);
  EXPECT_EQ(sender.TrySend(MoveOnly(counts, 2)).error(), EPIPE);
}

Task<void> InOrderMain() {
  auto [sender, receiver] = Mpmc<int>::Make(1);
  auto receive = [](Mpmc<int>::Receiver from, int expected) -> Task<void> {
    auto value = co_await from.Next();
    EXPECT_TRUE(value.ok() && *value == expected);
  };
  auto send = [](Mpmc<int>::Sender to) -> Task<void> {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(to.TrySend(i).ok());  // handed over: they take no slot
    co_return;
  };
  co_await Join(receive(receiver, 0), receive(receiver, 1), receive(receiver, 2), send(sender));
}
TEST(MpmcTest, ReceiversThatWaitAreServedInOrder) { TestRuntime(1).Run(InOrderMain()); }

Task<void> EndMain(bool close) {
  auto [sender, receiver] = Mpmc<int>::Make(1);
  auto receive = [](Mpmc<int>::Receiver from) -> Task<void> {
    EXPECT_EQ((co_await from.Next()).error(), EPIPE);
  };
  auto end = [](Mpmc<int>::Sender to, Mpmc<int>::Receiver from, bool close) -> Task<void> {
    if (close) {
      from.Close();
      EXPECT_TRUE(to.closed());
    }
    to = {};  // a parameter would live as long as the Join
    co_return;
  };
  co_await Join(receive(receiver), receive(receiver), end(std::move(sender), receiver, close));
}
TEST(MpmcTest, TheLastSenderEndsTheWaitOfAllReceivers) { TestRuntime(1).Run(EndMain(false)); }
TEST(MpmcTest, CloseEndsTheWaitOfAllReceivers) { TestRuntime(1).Run(EndMain(true)); }

// The last permit of a closed channel serves one of those that wait and ends the wait of the other.
Task<void> PermitMain() {
  auto [sender, receiver] = Mpmc<int>::Make(1);
  auto permit = sender.TryReserve();
  auto receive = [](Mpmc<int>::Receiver from, int expected) -> Task<void> {
    auto value = co_await from.Next();
    EXPECT_EQ(value.ok() ? *value : -value.error(), expected);
  };
  auto end = [](Mpmc<int>::Sender to, Mpmc<int>::Permit permit) -> Task<void> {
    {
      auto gone = std::move(to);
    }
    co_await Yield();
    permit.Send(7);
  };
  co_await Join(receive(receiver, 7), receive(receiver, -EPIPE),
                end(std::move(sender), std::move(*permit)));
}
TEST(MpmcTest, TheLastPermitServesOneAndEndsTheOthers) { TestRuntime(1).Run(PermitMain()); }

struct MpmcCase {
  MpmcCase() { std::tie(sender, receiver) = Channel::Make(2); }
  Task<bool> Wait(int i) {
    if (i == 0) co_return (co_await receiver.Next()).ok();
    std::vector<MoveOnly> values;
    auto count = co_await receiver.NextMany(values, 1);
    co_return count.ok() && values.size() == 1;
  }
  void Grant(int i) { sent += sender.TrySend(MoveOnly(counts, i)).ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (sent != run.given) return "a send failed";
    if (run.got + counts.alive != run.given) return "a value was lost or doubled";
    if (static_cast<size_t>(counts.alive) != receiver.size()) return "a value is somewhere else";
    return run.waiting > 0 && counts.alive > 0 ? "one waits though there is a value" : "";
  }

  ValueCounts counts;
  Channel::Sender sender;
  Channel::Receiver receiver;
  int sent = 0;
};
TEST(MpmcTest, NoValueIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<MpmcCase>(), ""); }

// Receivers on two workers and in a plain thread, many of whose waits are cut short; senders the
// same.
struct Storm {
  ValueCounts counts;
  std::atomic<int64_t> sum{0};
  std::atomic<int> received{0};
};
Task<void> StormReceive(Channel::Receiver receiver, Storm& storm) {
  for (;;) {
    auto outcome = co_await Select(receiver.Next(), Yield());
    auto& value = outcome.Get<0>();
    if (value.ok()) {
      ++storm.received;
      storm.sum += value->number();
    } else if (value.error() == EPIPE) {
      co_return;
    }
  }
}
Task<void> StormSend(Channel::Sender sender, Storm& storm, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    auto sent = co_await sender.Send(MoveOnly(storm.counts, i));
    EXPECT_TRUE(sent.ok());
  }
}
Task<void> StormMain(TestRuntime& runtime, Storm& storm, int senders, int each) {
  auto [sender, receiver] = Channel::Make(2);
  TaskGroup group(runtime.handle());
  for (uint32_t i = 0; i < 4; ++i)
    group.Spawn(StormReceive(receiver, storm), runtime.worker(i % 2));
  for (int i = 0; i < senders; ++i) {
    group.Spawn(StormSend(sender, storm, i * each, each),
                runtime.worker(static_cast<uint32_t>(i) % 2));
  }
  std::thread thread([&storm, receiver = receiver]() mutable {
    for (;;) {
      auto value = receiver.BlockingNext();
      if (!value.ok()) return;
      ++storm.received;
      storm.sum += value->number();
    }
  });
  {
    auto gone = std::move(sender);
  }
  co_await group.Join();
  thread.join();
}
TEST(MpmcTest, NothingIsLostInAStorm) {
  constexpr int kSenders = 6;
  constexpr int kEach = 3'000;
  Storm storm;
  TestRuntime runtime(2);
  runtime.Run(StormMain(runtime, storm, kSenders, kEach));
  constexpr int64_t kCount = kSenders * kEach;
  EXPECT_EQ(storm.received, kCount);
  EXPECT_EQ(storm.sum, kCount * (kCount - 1) / 2);
  EXPECT_EQ(storm.counts.alive, 0);
}

}  // namespace
}  // namespace sluice::core::testing
