#include "core/sched/inject_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "tests/core/support/fake_task.h"

namespace sluice::core::testing {
namespace {

TEST(InjectQueueTest, FirstInFirstOut) {
  InjectQueue queue;
  std::deque<FakeTask> tasks(3);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Pop(), nullptr);
  for (FakeTask& task : tasks) queue.Push(task);
  EXPECT_EQ(queue.size(), 3u);
  for (FakeTask& task : tasks) EXPECT_EQ(queue.Pop(), &task);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Pop(), nullptr);
  queue.Push(tasks[1]);  // from empty again
  EXPECT_EQ(queue.Pop(), &tasks[1]);
}

TEST(InjectQueueTest, SeveralAtOnceStayInOrder) {
  InjectQueue queue;
  std::deque<FakeTask> tasks(7);
  EXPECT_EQ(queue.PopSome(1), nullptr);
  queue.Push(tasks[0]);
  queue.PushAll(std::vector<Runnable*>{&tasks[1], &tasks[2], &tasks[3]});  // behind one
  Runnable* some = queue.PopSome(2);
  EXPECT_EQ(some, &tasks[0]);
  EXPECT_EQ(some->queue_next, &tasks[1]);
  EXPECT_EQ(tasks[1].queue_next, nullptr);
  EXPECT_EQ(queue.size(), 2u);
  some = queue.PopSome(5);  // fewer are there
  EXPECT_EQ(some, &tasks[2]);
  EXPECT_EQ(some->queue_next, &tasks[3]);
  EXPECT_EQ(tasks[3].queue_next, nullptr);
  EXPECT_TRUE(queue.empty());
  queue.PushAll(std::vector<Runnable*>{&tasks[4]});  // into an empty one
  queue.PushAll(std::vector<Runnable*>{&tasks[5], &tasks[6]});
  for (int i = 4; i < 7; ++i) EXPECT_EQ(queue.Pop(), &tasks[i]);
  EXPECT_EQ(queue.PopSome(3), nullptr);
}

TEST(InjectQueueTest, ManyThreads) {
  constexpr int kProducers = 4;
  constexpr int kTasks = 20000;
  InjectQueue queue;
  std::deque<std::deque<FakeTask>> tasks(kProducers);
  for (int p = 0; p < kProducers; ++p) {
    for (int i = 0; i < kTasks; ++i) tasks[p].emplace_back().label = p * kTasks + i;
  }
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&queue, &mine = tasks[p]] {
      for (FakeTask& task : mine) queue.Push(task);
    });
  }
  // Two consumers: each sees the tasks of one producer in order, both together see all of them.
  std::atomic<int> left{kProducers * kTasks};
  for (int c = 0; c < 2; ++c) {
    threads.emplace_back([&queue, &left] {
      std::vector<int> next(kProducers, 0);
      while (left.load(std::memory_order_relaxed) > 0) {
        FakeTask* task = static_cast<FakeTask*>(queue.Pop());
        if (task == nullptr) continue;
        EXPECT_EQ(task->taken++, 0);
        const int producer = task->label / kTasks;
        EXPECT_GE(task->label % kTasks, next[producer]);
        next[producer] = task->label % kTasks + 1;
        left.fetch_sub(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace sluice::core::testing
