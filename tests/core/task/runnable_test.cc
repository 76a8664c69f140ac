// Runnable: the rules of the inbox in one thread, then posts from many.

#include "core/task/runnable.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/core/support/fake_task.h"

namespace sluice::core::testing {
namespace {

struct Event final : Node {
  explicit Event(std::function<void()> what) : what(std::move(what)) {}
  void OnReady() override { what(); }
  std::function<void()> what;
};

TEST(NodeQueueTest, PushPopRemove) {
  std::vector<std::unique_ptr<Event>> nodes;
  for (int i = 0; i < 4; ++i) nodes.push_back(std::make_unique<Event>([] {}));
  NodeQueue queue;
  EXPECT_TRUE(queue.empty());
  for (auto& node : nodes) queue.Push(*node);
  EXPECT_TRUE(queue.Remove(*nodes[3]));  // last
  EXPECT_FALSE(queue.Remove(*nodes[3]));
  EXPECT_TRUE(queue.Remove(*nodes[0]));  // first
  queue.Push(*nodes[0]);
  EXPECT_TRUE(queue.Remove(*nodes[2]));  // between
  EXPECT_EQ(queue.Pop(), nodes[1].get());
  EXPECT_EQ(queue.Pop(), nodes[0].get());
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.Remove(*nodes[1]));
}

class RunnableTest : public ::testing::Test {
 protected:
  Event Recording(int number) {
    return Event([this, number] { order_.push_back(number); });
  }

  ManualScheduler scheduler_;
  FakeTask task_{scheduler_};
  std::vector<int> order_;
};

TEST_F(RunnableTest, TheFirstPostSchedulesAndOrderIsKept) {  // I1, I4
  std::deque<Event> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back(Recording(i));
    task_.Post(events.back());
    EXPECT_EQ(scheduler_.size(), 1u);
  }
  EXPECT_TRUE(scheduler_.RunOne());
  EXPECT_EQ(order_, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(scheduler_.size(), 0u);
  task_.Post(events[3]);  // idle again
  EXPECT_EQ(scheduler_.size(), 1u);
  scheduler_.RunAll();
  EXPECT_EQ(order_.back(), 3);
}

TEST_F(RunnableTest, APostFromInsideRunsInTheSameRunAndAfterWhatIsThere) {  // I1, I4
  Event third = Recording(3);
  Event second = Recording(2);
  Event first([&] {
    order_.push_back(1);
    task_.Post(third);
  });
  task_.Post(first);
  task_.Post(second);
  EXPECT_TRUE(scheduler_.RunOne());
  EXPECT_EQ(order_, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(scheduler_.size(), 0u);
}

TEST_F(RunnableTest, ANodeMayBePostedAgainFromItsOwnOnReady) {  // I2
  int runs = 0;
  Event* self = nullptr;
  Event event([&] {
    if (++runs < 5) task_.Post(*self);
  });
  self = &event;
  task_.Post(event);
  scheduler_.RunAll();
  EXPECT_EQ(runs, 5);
}

TEST_F(RunnableTest, YieldsWhenItsBudgetIsUsedUp) {
  std::deque<Event> events;
  for (int i = 0; i < 3 * kCoopBudget; ++i) {
    events.push_back(Recording(i));
    task_.Post(events.back());
  }
  int runs = 0;
  for (; scheduler_.RunOne(); ++runs) {
    EXPECT_LE(order_.size(), static_cast<size_t>((runs + 1) * (kCoopBudget + 1)));
  }
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(order_.size(), static_cast<size_t>(3 * kCoopBudget));
  EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end()));
}

TEST_F(RunnableTest, TheBudgetIsSharedWithWhatIsDoneAtOnce) {
  int at_once = 0;
  Event greedy([&] {
    while (task_.ConsumeBudget()) ++at_once;
  });
  Event next = Recording(1);
  task_.Post(greedy);
  task_.Post(next);
  EXPECT_TRUE(scheduler_.RunOne());
  EXPECT_EQ(at_once, kCoopBudget);
  EXPECT_TRUE(order_.empty());  // it had to give way first
  EXPECT_TRUE(scheduler_.RunOne());
  EXPECT_EQ(order_, std::vector<int>{1});
}

// What is ready beside one that gives way has the rest of the budget. Only where that is used up
// before all of it has run, the run has used up its budget.
TEST_F(RunnableTest, GivesWayOrHasUsedUpItsBudget) {
  for (const int spent : {0, kCoopBudget - 1, kCoopBudget}) {
    SCOPED_TRACE(spent);
    order_.clear();
    ManualScheduler scheduler;
    FakeTask task(scheduler);
    Event after = Recording(3);
    Event beside = Recording(2);
    Event first([&] {
      order_.push_back(1);
      for (int i = 0; i < spent; ++i) EXPECT_TRUE(task.ConsumeBudget());
      task.Post(after);
      task.GiveWay();
    });
    task.Post(first);
    task.Post(beside);
    const bool used_up = spent == kCoopBudget;
    EXPECT_EQ(task.Run(), used_up ? Runnable::Outcome::kYield : Runnable::Outcome::kGiveWay);
    EXPECT_EQ(order_, used_up ? (std::vector<int>{1}) : (std::vector<int>{1, 2}));
    EXPECT_EQ(task.heavy(), used_up);
    EXPECT_EQ(task.Run(), Runnable::Outcome::kIdle);
    EXPECT_EQ(order_, (std::vector<int>{1, 2, 3}));
  }
}

TEST_F(RunnableTest, LargeCopiesUseUpTheBudget) {
  int at_once = 0;
  Event greedy([&] {
    while (task_.ConsumeBudget()) {
      task_.ConsumeBudgetForBytes(256 << 10);
      ++at_once;
    }
  });
  task_.Post(greedy);
  scheduler_.RunOne();
  EXPECT_EQ(at_once, 2);  // a large buffer comes in and goes out
}

// What was copied in a run is told, and a large run makes the task heavy until it has a small one.
TEST_F(RunnableTest, ALargeRunMakesATaskHeavy) {
  int32_t bytes = 0;
  Event copying([&] { task_.ConsumeBudgetForBytes(bytes); });
  const auto run = [&](int32_t size) {
    bytes = size;
    task_.Post(copying);
    EXPECT_TRUE(scheduler_.RunOne());
    return task_.heavy();
  };
  EXPECT_FALSE(task_.heavy());
  EXPECT_FALSE(run(128 << 10));
  EXPECT_TRUE(run((128 << 10) + kBytesPerUnit));
  EXPECT_FALSE(run(1000));
  EXPECT_TRUE(run(1 << 20));
}

TEST_F(RunnableTest, TellsHowMuchWasCopied) {
  Event copying([&] {
    for (int i = 0; i < 3; ++i) task_.ConsumeBudgetForBytes(40'000);
  });
  for (int i = 0; i < 2; ++i) {
    int32_t copied = -1;
    task_.Post(copying);
    EXPECT_EQ(task_.Run(copied), Runnable::Outcome::kIdle);
    EXPECT_EQ(copied, 3 * (40'000 / kBytesPerUnit));
  }
}

TEST_F(RunnableTest, FinishesOnceAtItsEnd) {  // I3
  Event end([this] { task_.End(); });
  task_.Post(end);
  EXPECT_FALSE(task_.finished());
  EXPECT_TRUE(scheduler_.RunOne());
  EXPECT_TRUE(task_.finished());
  EXPECT_EQ(scheduler_.size(), 0u);
}

// Threads post numbered nodes to a few tasks, other threads run them. A node is posted again as
// soon as its OnReady has begun.
class PostStress {
 public:
  void Run() {
    std::vector<std::thread> threads;
    for (int p = 0; p < kPosters; ++p) threads.emplace_back([this, p] { Post(p); });
    for (int r = 0; r < kRunners; ++r) threads.emplace_back([this] { RunTasks(); });
    for (std::thread& thread : threads) thread.join();
    for (Target& target : targets_) {
      for (int p = 0; p < kPosters; ++p) EXPECT_EQ(target.next[p], kPosts);
    }
  }

 private:
  static constexpr int kPosters = 3;
  static constexpr int kRunners = 2;
  static constexpr int kTargets = 2;
  static constexpr int kPosts = 5000;  // of each poster to each target
  static constexpr int kRing = 4;      // nodes of each poster for each target

  struct Target {
    explicit Target(ManualScheduler& scheduler) : task(scheduler) {}
    FakeTask task;
    std::atomic<int> running{0};
    std::vector<int> next = std::vector<int>(kPosters, 0);  // plain: the task's own
  };

  struct Numbered final : Node {
    void OnReady() override {
      EXPECT_EQ(target->running.fetch_add(1, std::memory_order_relaxed), 0);  // one at a time
      EXPECT_EQ(number, target->next[poster]);                                // I4
      target->next[poster] = number + 1;
      PostStress* const all = stress;
      target->running.fetch_sub(1, std::memory_order_relaxed);
      free.store(true, std::memory_order_release);  // I2: from now on the poster's
      all->left_.fetch_sub(1, std::memory_order_release);
    }
    PostStress* stress = nullptr;
    Target* target = nullptr;
    int poster = 0;
    int number = 0;
    std::atomic<bool> free{true};
  };

  void Post(int poster) {
    std::vector<std::deque<Numbered>> rings(kTargets);
    for (auto& ring : rings) ring.resize(kRing);
    for (int i = 0; i < kPosts; ++i) {
      for (int t = 0; t < kTargets; ++t) {
        Numbered& node = rings[t][i % kRing];
        while (!node.free.exchange(false, std::memory_order_acquire)) std::this_thread::yield();
        node.stress = this;
        node.target = &targets_[t];
        node.poster = poster;
        node.number = i;
        node.target->task.Post(node);
      }
    }
    while (left_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }

  void RunTasks() {
    while (left_.load(std::memory_order_relaxed) > 0) {
      if (!scheduler_.RunOne()) std::this_thread::yield();
      EXPECT_LE(scheduler_.size(), static_cast<size_t>(kTargets));  // I1
    }
  }

  ManualScheduler scheduler_;
  std::deque<Target> targets_ = [this] {
    std::deque<Target> targets;
    for (int t = 0; t < kTargets; ++t) targets.emplace_back(scheduler_);
    return targets;
  }();
  std::atomic<int> left_{kPosters * kTargets * kPosts};
};

TEST(RunnableStressTest, PostsFromManyThreads) { PostStress().Run(); }

}  // namespace
}  // namespace sluice::core::testing
