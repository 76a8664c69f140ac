// Scenarios for shuffled orders: channels. Run with the code as it is
// (shuffled_channels_test.cc), and with mistakes planted in it (shuffled_mutant_test.cc).
#ifndef SLUICE_TESTS_CORE_TESTING_SHUFFLED_CHANNELS_H_
#define SLUICE_TESTS_CORE_TESTING_SHUFFLED_CHANNELS_H_

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <utility>
#include <variant>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sync/broadcast.h"
#include "core/sync/mpmc.h"
#include "core/sync/mpsc.h"
#include "core/sync/oneshot.h"
#include "core/sync/watch.h"
#include "tests/core/support/counted.h"
#include "tests/core/testing/shuffled.h"

namespace sluice::core::testing {

inline constexpr int kSenders = 3;
inline constexpr int kEach = 5;

template <typename Sender>
Task<void> SendAll(Dice dice, Sender sender, ValueCounts& counts, int name) {
  for (int i = 0; i < kEach; ++i) {
    MoveOnly value(counts, name * kEach + i);
    for (;;) {
      if (dice.Roll(3) == 0) {
        auto permit = co_await CutShort(dice, sender.Reserve());
        if (!permit.ok()) continue;
        co_await Yields(dice.Roll(2));
        if (dice.Roll(3) == 0) continue;  // the permit goes unused
        permit->Send(std::move(value));
        break;
      }
      auto sent = co_await CutShort(dice, sender.Send(std::move(value)));
      if (sent.ok()) break;
      value = sent.TakeUnsent();
    }
  }
}

using Counts = std::array<int, kSenders>;

// `in_order`: there is one receiver, so the values of each sender come in order.
template <typename Receiver>
Task<void> ReceiveAll(Dice dice, Receiver receiver, Counts& received, bool in_order) {
  for (;;) {
    auto value = co_await CutShort(dice, receiver.Next());
    if (!value.ok() && value.error() == ECANCELED) continue;
    if (!value.ok()) co_return;
    int& of_sender = received[static_cast<size_t>(value->number() / kEach)];
    if (in_order) EXPECT_EQ(value->number() % kEach, of_sender);
    ++of_sender;
  }
}

inline Task<void> MpscScenario(Dice dice) {
  ValueCounts counts;
  Counts received{};
  {
    auto [sender, receiver] = Mpsc<MoveOnly>::Make(static_cast<size_t>(1 + dice.Roll(3)));
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < kSenders; ++i) group.Spawn(SendAll(dice.Split(), sender, counts, i));
    sender = {};
    group.Spawn(ReceiveAll(dice.Split(), std::move(receiver), received, true));
    co_await group.Join();
  }
  EXPECT_EQ(received, (Counts{kEach, kEach, kEach}));
  EXPECT_EQ(counts.alive, 0);
}

inline Task<void> MpmcScenario(Dice dice) {
  ValueCounts counts;
  Counts received{};
  {
    auto [sender, receiver] = Mpmc<MoveOnly>::Make(static_cast<size_t>(1 + dice.Roll(3)));
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < kSenders; ++i) group.Spawn(SendAll(dice.Split(), sender, counts, i));
    sender = {};
    for (int i = 0; i < 2; ++i) group.Spawn(ReceiveAll(dice.Split(), receiver, received, false));
    co_await group.Join();
  }
  EXPECT_EQ(received, (Counts{kEach, kEach, kEach}));
  EXPECT_EQ(counts.alive, 0);
}

// A receiver that closes while senders wait: each value is received, or given back.
template <typename Sender>
Task<void> SendOne(Sender sender, ValueCounts& counts, int& unsent) {
  auto sent = co_await sender.Send(MoveOnly(counts, 1));
  if (!sent.ok()) ++unsent;
}
inline Task<void> CloseScenario(Dice dice) {
  ValueCounts counts;
  int unsent = 0;
  int received = 0;
  {
    auto [sender, receiver] = Mpsc<MoveOnly>::Make(2);
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < 6; ++i) group.Spawn(SendOne(sender, counts, unsent));
    co_await Yields(dice.Roll(6));
    for (int i = dice.Roll(3); i > 0; --i) received += (co_await receiver.Next()).ok() ? 1 : 0;
    receiver.Close();
    while ((co_await receiver.Next()).ok()) ++received;
    co_await group.Join();
  }
  EXPECT_EQ(received + unsent, 6);
  EXPECT_EQ(counts.alive, 0);
}

struct Request {
  int number;
  Oneshot<int>::Sender answer;
};
inline Task<void> Answer(Dice dice, Mpsc<Request>::Receiver requests) {
  for (;;) {
    IoResult<Request> request = co_await requests.Next();
    if (!request.ok()) co_return;
    co_await Yields(dice.Roll(3));
    if (dice.Roll(4) == 0) continue;  // it goes without an answer
    (void)request->answer.Send(request->number * 2);
  }
}
inline Task<void> Ask(Dice dice, Mpsc<Request>::Sender requests, int first) {
  for (int number = first; number < first + 3; ++number) {
    auto [sender, receiver] = Oneshot<int>::Make();
    const auto sent = co_await requests.Send({number, std::move(sender)});
    EXPECT_TRUE(sent.ok());
    for (;;) {
      IoResult<int> answer = co_await CutShort(dice, receiver);
      if (!answer.ok() && answer.error() == ECANCELED) continue;  // it can be awaited again
      EXPECT_TRUE(answer.ok() ? *answer == number * 2 : answer.error() == EPIPE);
      break;
    }
  }
}
inline Task<void> OneshotScenario(Dice dice) {
  auto [sender, receiver] = Mpsc<Request>::Make(2);
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 3; ++i) group.Spawn(Ask(dice.Split(), sender, 10 * i));
  sender = {};
  group.Spawn(Answer(dice.Split(), std::move(receiver)));
  co_await group.Join();
}

// What a receiver has got and what it has missed is what was sent.
inline Task<void> Listen(Dice dice, Broadcast<int>::Receiver receiver, int all) {
  int next = 0;
  for (;;) {
    auto got = co_await CutShort(dice, receiver.Next());
    if (!got.ok() && got.error() == ECANCELED) continue;
    if (!got.ok()) break;
    if (const auto* lagged = std::get_if<Lagged>(&*got)) {
      next += static_cast<int>(lagged->missed);
    } else {
      EXPECT_EQ(std::get<int>(*got), next++);
    }
    co_await Yields(dice.Roll(3));
  }
  EXPECT_EQ(next, all);
}
inline Task<void> BroadcastScenario(Dice dice) {
  constexpr int kAll = 12;
  auto [sender, receiver] = Broadcast<int>::Make(4);
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 2; ++i) group.Spawn(Listen(dice.Split(), sender.Subscribe(), kAll));
  group.Spawn(Listen(dice.Split(), std::move(receiver), kAll));
  for (int i = 0; i < kAll; ++i) {
    (void)sender.Send(i);
    co_await Yields(dice.Roll(3));
  }
  sender = {};
  co_await group.Join();
}

inline Task<void> Follow(Dice dice, Watch<int>::Receiver receiver, int last) {
  int seen = 0;
  for (;;) {
    IoResult<void> changed = co_await CutShort(dice, receiver.Changed());
    if (!changed.ok() && changed.error() == ECANCELED) continue;
    if (!changed.ok()) break;
    const int now = receiver.Get();
    EXPECT_GT(now, seen);
    seen = now;
    co_await Yields(dice.Roll(3));
  }
  EXPECT_EQ(seen, last);
}
inline Task<void> WatchScenario(Dice dice) {
  constexpr int kLast = 9;
  auto [sender, receiver] = Watch<int>::Make(0);
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 3; ++i) group.Spawn(Follow(dice.Split(), receiver, kLast));
  receiver = {};
  for (int i = 1; i <= kLast; ++i) {
    (void)sender.Send(i);
    co_await Yields(dice.Roll(4));
  }
  sender = {};
  co_await group.Join();
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_TESTING_SHUFFLED_CHANNELS_H_
