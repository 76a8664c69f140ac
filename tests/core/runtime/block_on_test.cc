// BlockOn: what it brings, again and again, and that nothing runs in between.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/io/poll.h"
#include "core/runtime/runtime.h"
#include "core/sync/event.h"
#include "core/sync/mpsc.h"
#include "core/task/outcome.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using BlockOnTest = testing::BackendTest;
SLUICE_ON_EVERY_BACKEND(BlockOnTest);

// Real time goes by, so that what should stand still could be caught moving.
void LetTimePass(Duration duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

Task<int> Number(int number) {
  for (int i = 0; i < 3; ++i) co_await Yield();
  co_return number;
}
Task<std::unique_ptr<int>> Owned(int number) { co_return std::make_unique<int>(number); }
Task<void> Set(bool& set) {
  co_await Sleep(1ms);
  set = true;
}
Task<void> Throw() {
  co_await Yield();
  throw std::runtime_error("broken");
}
Task<int> GiveUp() {
  co_await Yield();
  throw Cancelled();
}

TEST_P(BlockOnTest, BringsWhatTheTaskBrings) {
  Runtime runtime(Options());
  EXPECT_EQ(runtime.BlockOn(Number(7)), 7);
  EXPECT_EQ(*runtime.BlockOn(Owned(8)), 8);
  bool set = false;
  runtime.BlockOn(Set(set));
  EXPECT_TRUE(set);
  EXPECT_THROW(runtime.BlockOn(Throw()), std::runtime_error);
  EXPECT_THROW(runtime.BlockOn(GiveUp()), Cancelled);
  EXPECT_EQ(runtime.BlockOn(Number(9)), 9);
}

TEST_P(BlockOnTest, TakesAnyAwaitable) {
  Runtime runtime(Options());
  EXPECT_TRUE(runtime.BlockOn(Sleep(1ms)));
  Event event;
  event.Set();
  EXPECT_TRUE(runtime.BlockOn(event.Wait()).ok());
  EXPECT_EQ(runtime.BlockOn(runtime.handle().Spawn(Number(3))).value(), 3);
  auto task = Number(4);
  EXPECT_EQ(runtime.BlockOn(std::move(task)), 4);
}

// In the foreground the calling thread is a worker: with one there is no other thread.
TEST_P(BlockOnTest, RunsOnTheCallingThread) {
  if (GetParam().workers > 1) GTEST_SKIP();
  Runtime runtime(Options());
  const auto here = []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); };
  EXPECT_EQ(runtime.BlockOn(here()), std::this_thread::get_id());
}

Task<void> Count(std::atomic<uint64_t>& counter, const std::atomic<bool>& stop) {
  while (!stop) {
    ++counter;
    co_await Yield();
  }
}
Task<void> WaitUntilAllCount(std::array<std::atomic<uint64_t>, 4>& counters) {
  for (std::atomic<uint64_t>& counter : counters) {
    const uint64_t before = counter;
    while (counter == before) co_await Yield();
  }
}

TEST_P(BlockOnTest, NothingRunsBetweenTwoOfThem) {
  std::array<std::atomic<uint64_t>, 4> counters{};
  std::atomic<bool> stop{false};
  Runtime runtime(Options());
  std::vector<JoinHandle<void>> handles;
  for (std::atomic<uint64_t>& counter : counters) {
    handles.push_back(runtime.handle().Spawn(Count(counter, stop)));
  }
  for (int round = 0; round < 8; ++round) {
    runtime.BlockOn(WaitUntilAllCount(counters));
    std::array<uint64_t, 4> before;
    for (size_t i = 0; i < counters.size(); ++i) before[i] = counters[i];
    if (round % 4 == 0) LetTimePass(5ms);
    for (size_t i = 0; i < counters.size(); ++i) EXPECT_EQ(counters[i], before[i]);
  }
  stop = true;
  for (JoinHandle<void>& handle : handles) {
    EXPECT_TRUE(runtime.BlockOn(std::move(handle)).has_value());
  }
}

Task<void> SleepTwice(std::atomic<int>& slept) {
  co_await Sleep(1ms);
  ++slept;
  co_await Sleep(1ms);
  ++slept;
}

TEST_P(BlockOnTest, TimersFireInTheNextOne) {
  std::atomic<int> slept{0};
  Runtime runtime(Options());
  runtime.BlockOn(Number(0));
  JoinHandle<void> handle = runtime.handle().Spawn(SleepTwice(slept));
  LetTimePass(5ms);
  EXPECT_EQ(slept, 0);
  runtime.BlockOn(handle.Ended());
  EXPECT_EQ(slept, 2);
}

Task<char> ReadByte(int fd) {
  char byte = 0;
  while (read(fd, &byte, 1) != 1) {
    IoResult<uint32_t> ready = co_await Poll(fd, POLLIN);
    EXPECT_TRUE(ready.ok());
  }
  co_return byte;
}

TEST_P(BlockOnTest, WhatComesInBetweenIsFound) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Runtime runtime(Options());
  for (const char byte : {'a', 'b', 'c'}) {
    JoinHandle<char> handle = runtime.handle().Spawn(ReadByte(ends[0]));
    runtime.BlockOn(Number(0));
    std::thread other([&] { ASSERT_EQ(write(ends[1], &byte, 1), 1); });
    other.join();
    EXPECT_EQ(runtime.BlockOn(std::move(handle)).value(), byte);
  }
  close(ends[0]);
  close(ends[1]);
}

// The task that is waited for ends on whichever worker has it by then.
TEST_P(BlockOnTest, ManyTimes) {
  Runtime runtime(Options());
  for (int i = 0; i < 500; ++i) ASSERT_EQ(runtime.BlockOn(Number(i)), i);
}

Task<int> SumUp(Mpsc<int>::Receiver numbers) {
  int sum = 0;
  while (true) {
    IoResult<int> number = co_await numbers.Next();
    if (!number.ok()) co_return sum;
    sum += *number;
  }
}
Task<void> SendUpTo(int last, Mpsc<int>::Sender numbers) {
  for (int i = 1; i <= last; ++i) EXPECT_TRUE((co_await numbers.Send(i)).ok());
}

TEST_P(BlockOnTest, TwoRuntimesInTurn) {
  Runtime one(Options());
  Runtime two(Options());
  auto [sender, receiver] = Mpsc<int>::Make(200);
  one.BlockOn(SendUpTo(100, std::move(sender)));
  EXPECT_EQ(two.BlockOn(SumUp(std::move(receiver))), 5050);
  EXPECT_EQ(one.BlockOn(Number(1)), 1);
}

TEST_P(BlockOnTest, TwoRuntimesAtOnceTalk) {
  Runtime background(Options());
  ASSERT_TRUE(background.StartInBackground().ok());
  Runtime foreground(Options());
  auto [sender, receiver] = Mpsc<int>::Make(4);
  JoinHandle<int> sum = background.handle().Spawn(SumUp(std::move(receiver)));
  foreground.BlockOn(SendUpTo(1000, std::move(sender)));
  EXPECT_EQ(foreground.BlockOn(std::move(sum)).value(), 500500);
}

using BlockOnDeathTest = BlockOnTest;
SLUICE_ON_EVERY_BACKEND(BlockOnDeathTest);

Task<void> BlockInside(Runtime& runtime) {
  runtime.BlockOn(Number(1));
  co_return;
}
TEST_P(BlockOnDeathTest, InsideATaskItSaysWhatToDo) {
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        runtime.BlockOn(BlockInside(runtime));
      },
      "co_await it instead of BlockOn");
}

TEST_P(BlockOnDeathTest, OnAnotherThreadItSaysWhatToDo) {
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        runtime.BlockOn(Number(1));
        std::thread([&] { runtime.BlockOn(Number(1)); }).join();
      },
      "StartInBackground");
}

TEST_P(BlockOnDeathTest, AfterShutdownItSaysWhatToDo) {
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        runtime.BlockOn(Number(1));
        runtime.Shutdown();
        runtime.BlockOn(Number(1));
      },
      "make another one");
}

}  // namespace
}  // namespace sluice::core
