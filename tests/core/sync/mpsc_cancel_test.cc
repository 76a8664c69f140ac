// Mpsc: nothing is lost or doubled, whatever is cancelled when: every order, and a storm.
#include <gtest/gtest.h>

#include <array>
#include <string>
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

namespace sluice::core::testing {
namespace {

using Channel = Mpsc<MoveOnly>;

// Two receives, one at a time, and two values.
struct ReceiveCase {
  ReceiveCase() { std::tie(sender, receiver) = Channel::Make(2); }
  Task<bool> Wait(int) {
    if (busy) co_return false;  // one receive at a time
    busy = true;
    auto value = co_await receiver.Next();
    busy = false;
    if (!value.ok()) co_return false;
    in_order = in_order && value->number() == next++;
    co_return true;
  }
  void Grant(int i) { sent += sender.TrySend(MoveOnly(counts, i)).ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (sent != run.given || !in_order) return "a send failed, or the order is wrong";
    if (run.got + counts.alive != run.given) return "a value was lost or doubled";
    if (static_cast<size_t>(counts.alive) != receiver.size()) return "a value is somewhere else";
    return run.waiting > 0 && counts.alive > 0 ? "one waits though there is a value" : "";
  }

  ValueCounts counts;
  Channel::Sender sender;
  Channel::Receiver receiver;
  bool busy = false;
  bool in_order = true;
  int next = 0;
  int sent = 0;
};
TEST(MpscCancelTest, NoReceiveLosesAValueInAnyOrder) { EXPECT_EQ(FindBadOrder<ReceiveCase>(), ""); }

// Two sends into a full channel; a grant takes a value out.
struct SendCase {
  SendCase() {
    std::tie(sender, receiver) = Channel::Make(1);
    (void)sender.TrySend(MoveOnly(counts, 9));
  }
  Task<bool> Wait(int i) {
    auto sent = co_await sender.Send(MoveOnly(counts, i));
    if (!sent.ok() && sent.TakeUnsent().number() != i) wrong = "not given back";
    co_return sent.ok();
  }
  void Grant(int) { received += receiver.TryNext().ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (!wrong.empty()) return wrong;
    const int queued = static_cast<int>(receiver.size());
    if (run.got + 1 != received + queued) return "a value was lost or doubled";
    if (counts.alive != queued + run.waiting) return "a value was leaked";
    return run.waiting > 0 && queued == 0 ? "one waits though a slot is free" : "";
  }

  ValueCounts counts;
  Channel::Sender sender;
  Channel::Receiver receiver;
  std::string wrong;
  int received = 0;
};
TEST(MpscCancelTest, NoSendIsLostOrSentTwiceInAnyOrder) { EXPECT_EQ(FindBadOrder<SendCase>(), ""); }

// The same with permits, which are dropped or used.
struct ReserveCase {
  ReserveCase() {
    std::tie(sender, receiver) = Channel::Make(1);
    (void)sender.TrySend(MoveOnly(counts, 9));
  }
  Task<bool> Wait(int i) {
    auto permit = co_await sender.Reserve();
    if (!permit.ok()) co_return false;
    if (i == 0) {
      ++unused;
    } else {
      permit->Send(MoveOnly(counts, i));
    }
    co_return true;
  }
  void Grant(int) { received += receiver.TryNext().ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    const int queued = static_cast<int>(receiver.size());
    if (run.got - unused + 1 != received + queued) return "a value was lost or doubled";
    if (run.waiting > 0 && queued == 0) return "one waits though a slot is free";
    if (queued == 0 && !sender.TryReserve().ok()) return "a slot was lost";
    return "";
  }

  ValueCounts counts;
  Channel::Sender sender;
  Channel::Receiver receiver;
  int unused = 0;
  int received = 0;
};
TEST(MpscCancelTest, NoPermitIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<ReserveCase>(), ""); }

// Tasks on two workers and a plain thread send through few slots; many sends and receives are cut
// short at some moment. Each value arrives once, those of a sender in order.
constexpr int kSenders = 8;
constexpr int kEach = 3'000;

Task<void> StormSend(Channel::Sender sender, ValueCounts& counts, int name) {
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
  auto [sender, receiver] = Channel::Make(2);
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
