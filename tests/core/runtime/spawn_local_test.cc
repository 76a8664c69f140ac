// SpawnLocal and SpawnPinned: tasks that never leave their worker, and what they hold.
#include "core/runtime/spawn_local.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/sched/worker.h"
#include "core/sync/mpsc.h"
#include "core/task/outcome.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using SpawnLocalTest = testing::BackendTest;
SLUICE_ON_EVERY_BACKEND(SpawnLocalTest);

// Belongs to the thread that has made it, and says so when another one touches it.
class OfOneThread {
 public:
  OfOneThread() = default;
  OfOneThread(OfOneThread&& other) noexcept : thread_(other.thread_), uses_(other.uses_) {
    Check();
  }
  ~OfOneThread() { Check(); }

  int Use() {
    Check();
    return ++uses_;  // no atomic: tsan looks at it, too
  }

 private:
  void Check() const { EXPECT_EQ(std::this_thread::get_id(), thread_); }

  const std::thread::id thread_ = std::this_thread::get_id();
  int uses_ = 0;
};

// Has worker 0 queue more than it can do soon, again and again, so that the others steal from it:
// also what has been queued before, for each task spawns one more.
Task<void> Compute(int more) {
  if (more > 0) Spawn(Compute(more - 1)).Detach();
  const auto end = std::chrono::steady_clock::now() + 100us;
  while (std::chrono::steady_clock::now() < end) {
  }
  co_return;
}
Task<void> Overload(const std::atomic<bool>& stop) {
  while (!stop) {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 15; ++i) tasks.push_back(Spawn(Compute(1)));
    for (JoinHandle<void>& task : tasks) (co_await std::move(task)).value();
  }
}

class Overloaded {
 public:
  explicit Overloaded(Runtime& runtime)
      : runtime_(runtime),
        handle_(runtime.handle().SpawnPinned(0, [this] { return Overload(stop_); })) {}
  ~Overloaded() {
    stop_ = true;
    runtime_.BlockOn(std::move(handle_)).value();
  }

 private:
  Runtime& runtime_;
  std::atomic<bool> stop_{false};
  JoinHandle<void> handle_;
};

Task<int> UseOften(OfOneThread& state, int times) {
  for (int i = 1; i < times; ++i) {
    state.Use();
    if (i % 50 == 0) {
      co_await Sleep(1ms);
    } else {
      co_await Yield();
    }
  }
  co_return state.Use();
}

TEST_P(SpawnLocalTest, NeverLeavesItsWorker) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const Overloaded overloaded(runtime);
  std::vector<JoinHandle<int>> handles;
  for (uint32_t i = 0; i < 12; ++i) {
    handles.push_back(runtime.handle().SpawnPinned(i % GetParam().workers, []() -> Task<int> {
      OfOneThread state;  // made on the worker
      co_return co_await UseOften(state, 300);
    }));
  }
  for (JoinHandle<int>& handle : handles) {
    EXPECT_EQ(runtime.BlockOn(std::move(handle)).value(), 300);
  }
}

TEST_P(SpawnLocalTest, PinnedTasksRunOnTheWorkerNamed) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  for (uint32_t worker = 0; worker < GetParam().workers; ++worker) {
    const auto index = []() -> Task<uint32_t> { co_return Worker::Current()->index(); };
    EXPECT_EQ(runtime.BlockOn(runtime.handle().SpawnPinned(worker, index)).value(), worker);
  }
}

// Local tasks share what has no lock, also one that spawns another.
Task<int> ShareMain() {
  OfOneThread state;
  std::vector<JoinHandle<int>> handles;
  for (int i = 0; i < 10; ++i) handles.push_back(SpawnLocal(UseOften(state, 100)));
  for (JoinHandle<int>& handle : handles) (co_await std::move(handle)).value();
  co_return state.Use();
}

TEST_P(SpawnLocalTest, LocalTasksOfATaskShareItsWorker) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const Overloaded overloaded(runtime);
  JoinHandle<int> handle = runtime.handle().SpawnPinned(0, ShareMain);
  EXPECT_EQ(runtime.BlockOn(std::move(handle)).value(), 1001);
}

// Woken from other workers and from plain threads while it runs and while it waits.
Task<int> Receive(Mpsc<int>::Receiver& numbers) {
  OfOneThread state;
  int sum = 0;
  while (true) {
    IoResult<int> number = co_await numbers.Next();
    state.Use();
    if (!number.ok()) co_return sum;
    sum += *number;
  }
}
Task<void> Send(Mpsc<int>::Sender sender) {
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE((co_await sender.Send(1)).ok());
}

TEST_P(SpawnLocalTest, IsWokenFromEverywhere) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto [sender, receiver] = Mpsc<int>::Make(8);
  JoinHandle<int> sum = runtime.handle().SpawnPinned(0, Receive, std::move(receiver));
  for (int i = 0; i < 3; ++i) runtime.handle().Spawn(Send(sender)).Detach();
  std::thread thread([sender = sender]() mutable {
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(sender.BlockingSend(1).ok());
  });
  sender = {};
  EXPECT_EQ(runtime.BlockOn(std::move(sum)).value(), 8000);
  thread.join();
}

// Neither kind keeps the other from running.
Task<void> Spin(const std::atomic<bool>& stop, std::atomic<uint64_t>& turns) {
  while (!stop) {
    ++turns;
    co_await Yield();
  }
}
Task<void> BothMoveOn(std::atomic<uint64_t>& one, std::atomic<uint64_t>& two) {
  for (int i = 0; i < 20; ++i) {
    const uint64_t before_one = one;
    const uint64_t before_two = two;
    while (one == before_one || two == before_two) co_await Yield();
  }
}

TEST_P(SpawnLocalTest, LocalAndOtherTasksBothRun) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> local{0};
  std::atomic<uint64_t> other{0};
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 50; ++i) {
    handles.push_back(runtime.handle().SpawnPinned(0, [&] { return Spin(stop, local); }));
    handles.push_back(runtime.handle().Spawn(Spin(stop, other)));
  }
  runtime.BlockOn(BothMoveOn(local, other));
  stop = true;
  for (JoinHandle<void>& handle : handles) (void)runtime.BlockOn(std::move(handle));
}

// The values go on the worker, also if the task never came to its first line.
Task<void> Hold(const std::unique_ptr<OfOneThread>&) { co_await Sleep(1h); }
Task<void> AbortMain() {
  JoinHandle<void> begun = SpawnLocal(Hold, std::make_unique<OfOneThread>());
  co_await Sleep(1ms);
  begun.Abort();
  EXPECT_TRUE((co_await std::move(begun)).has_value());
  JoinHandle<void> never = SpawnLocal(Hold, std::make_unique<OfOneThread>());
  never.Abort();
  co_await never.Ended();
  // The last to hold the task's memory is another thread.
  std::thread([handle = std::move(never)]() mutable {
    EXPECT_TRUE(handle.TakeOutcome().cancelled());
    handle.Detach();
  }).join();
}

TEST_P(SpawnLocalTest, WhatItHoldsGoesOnItsWorker) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  runtime.BlockOn(runtime.handle().SpawnPinned(0, AbortMain)).value();
}

Task<int> Fails() {
  co_await Yield();
  throw std::runtime_error("broken");
}
Task<void> FailsMain() {
  Outcome<int> outcome = co_await SpawnLocal(Fails());
  EXPECT_THROW(outcome.value(), std::runtime_error);
}
TEST_P(SpawnLocalTest, AnExceptionIsAnOutcome) { Runtime(Options()).BlockOn(FailsMain()); }

// In the foreground too, across BlockOns, and to the end of the runtime.
Task<void> UseUntilCancelled(std::atomic<int>& uses, std::atomic<int>& ended) {
  OfOneThread state;
  while (co_await Sleep(1ms)) uses = state.Use();
  state.Use();
  ++ended;
}
Task<void> Used(const std::atomic<int>& uses, int times) {
  for (const int before = uses; uses < before + times;) co_await Yield();
}

TEST_P(SpawnLocalTest, GoesOnAcrossBlockOnsAndEndsWithTheRuntime) {
  std::atomic<int> uses{0};
  std::atomic<int> ended{0};
  {
    Runtime runtime(Options());
    ASSERT_TRUE(runtime.Start().ok());
    for (uint32_t worker = 0; worker < GetParam().workers; ++worker) {
      runtime.handle().SpawnPinned(worker, [&] { return UseUntilCancelled(uses, ended); }).Detach();
    }
    for (int i = 0; i < 5; ++i) runtime.BlockOn(Used(uses, 2));
    EXPECT_EQ(ended, 0);
  }
  EXPECT_EQ(ended, static_cast<int>(GetParam().workers));
}

TEST_P(SpawnLocalTest, AfterTheEndItDoesNotBegin) {
  std::atomic<int> uses{0};
  std::atomic<int> ended{0};
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  EXPECT_TRUE(runtime.Shutdown());
  JoinHandle<void> handle =
      runtime.handle().SpawnPinned(0, [&] { return UseUntilCancelled(uses, ended); });
  EXPECT_TRUE(runtime.Shutdown());
  EXPECT_TRUE(handle.TakeOutcome().cancelled());
  EXPECT_EQ(ended, 0);
}

using SpawnLocalDeathTest = SpawnLocalTest;
SLUICE_ON_EVERY_BACKEND(SpawnLocalDeathTest);

TEST_P(SpawnLocalDeathTest, MisuseSaysWhatToDo) {
  std::atomic<int> count{0};
  const auto pin = [&](Runtime& runtime, uint32_t worker) {
    runtime.handle().SpawnPinned(worker, [&] { return UseUntilCancelled(count, count); }).Detach();
  };
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        pin(runtime, 0);
      },
      "call Start or StartInBackground first");
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        EXPECT_TRUE(runtime.Start().ok());
        pin(runtime, GetParam().workers);
      },
      "take one below");
}

}  // namespace
}  // namespace sluice::core
