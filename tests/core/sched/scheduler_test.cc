// The scheduler as a whole: stealing, fairness, overflow, waking, stopping. Without descriptors.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/null_reactor.h"
#include "tests/core/support/pause.h"
#include "tests/core/support/run.h"
#include "tests/core/support/seed.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

// Long enough on a loaded machine; only a failing test waits for it.
class Deadline {
 public:
  bool over() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  const std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
};

// Runs without ever giving way until the other worker has taken some of the tasks, too.
Task<void> Compute(std::vector<std::atomic<int>>& ran) {
  const uint32_t here = Worker::Current()->index();
  ran[here].fetch_add(1);
  const Deadline deadline;
  while (ran[1 - here].load() == 0 && !deadline.over()) {
  }
  co_return;
}
Task<void> BurstMain(TestRuntime& runtime) {
  std::vector<std::atomic<int>> ran(2);
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 64; ++i) group.Spawn(Compute(ran));
  co_await group.Join();
  EXPECT_GT(ran[0].load(), 0);
  EXPECT_GT(ran[1].load(), 0);
  EXPECT_EQ(ran[0].load() + ran[1].load(), 64);
}
TEST(SchedulerTest, ABurstOfComputationIsSpread) {
  TestRuntime runtime(2);
  runtime.Run(BurstMain(runtime));
  uint64_t stolen = 0;
  for (uint32_t i : {0u, 1u}) stolen += runtime.worker(i)->counters().stolen.load();
  EXPECT_GT(stolen, 0u);
}

Task<void> KeepBusy(std::atomic<bool>& stop) {
  const Deadline deadline;
  while (!stop.load() && !deadline.over()) co_await Yield();
}
Task<void> CountHere(std::vector<std::atomic<int>>& ran) {
  ran[Worker::Current()->index()].fetch_add(1);
  co_await Yield();
}
// Both workers are awake all the time: neither takes over what waits for the other.
Task<void> StayMain(TestRuntime& runtime) {
  const uint32_t here = Worker::Current()->index();
  std::vector<std::atomic<int>> ran(2);
  std::atomic<bool> stop{false};
  TaskGroup group(runtime.handle());
  group.Spawn(KeepBusy(stop), runtime.worker(1 - here));
  {
    TaskGroup burst(runtime.handle());
    for (int i = 0; i < 64; ++i) burst.Spawn(CountHere(ran));
    co_await burst.Join();
  }
  stop.store(true);
  co_await group.Join();
  EXPECT_EQ(ran[here].load(), 64);
}
TEST(SchedulerTest, WithoutStealingTasksStay) {
  TestRuntime runtime(2, {.buffers = 4, .buffer_size = 4096, .stealing = false});
  runtime.Run(StayMain(runtime));
  for (uint32_t i : {0u, 1u}) EXPECT_EQ(runtime.worker(i)->counters().stolen.load(), 0u);
}

// Two tasks that wake each other: each wakes the other into the LIFO slot.
class PingPong {
 public:
  struct Turn final : Node {
    Turn(PingPong& game, int side) : game(game), side(side) {}
    bool await_ready() const { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> self) {
      handle = self;
      task = self.promise().task;
      game.waiting_[side] = this;
    }
    void await_resume() const {}
    void OnReady() override { handle.resume(); }
    PingPong& game;
    const int side;
    Runnable* task = nullptr;
    std::coroutine_handle<> handle;
  };

  Task<void> Play(int side) {
    while (!over && rounds < kMaxRounds) {
      ++rounds;
      Pass(1 - side);
      co_await Turn(*this, side);
    }
    over = true;
    Pass(1 - side);
  }

  static constexpr int kMaxRounds = 1'000'000;
  int rounds = 0;
  bool over = false;

 private:
  void Pass(int side) {
    Turn* waiting = std::exchange(waiting_[side], nullptr);
    if (waiting != nullptr) waiting->task->Post(*waiting);
  }

  Turn* waiting_[2] = {nullptr, nullptr};
};

Task<void> YieldTimes(int times, bool& over) {
  for (; times > 0; --times) co_await Yield();
  over = true;
}
Task<void> LifoMain(TestRuntime& runtime, PingPong& game) {
  TaskGroup group(runtime.handle());
  group.Spawn(game.Play(0));
  group.Spawn(game.Play(1));
  group.Spawn(YieldTimes(1000, game.over));
  co_await group.Join();
}
TEST(SchedulerTest, TheLifoSlotDoesNotStarveTheQueue) {
  TestRuntime runtime(1);
  PingPong game;
  runtime.Run(LifoMain(runtime, game));
  EXPECT_GT(game.rounds, 1000);  // the slot goes first
  EXPECT_LT(game.rounds, 5000);  // but at most three times in a row
  EXPECT_GT(runtime.worker(0)->counters().lifo.load(), 1000u);
}

Task<void> Set(std::atomic<bool>& flag) {
  flag.store(true);
  co_return;
}
Task<void> BusyMain(TestRuntime& runtime) {
  std::atomic<bool> injected{false};
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 20; ++i) group.Spawn(KeepBusy(injected));
  std::thread stranger([&] { group.Spawn(Set(injected)); });
  co_await Until([&injected] { return injected.load(); });
  stranger.join();
  co_await group.Join();
}
TEST(SchedulerTest, TasksFromOutsideAreServedUnderLoad) {
  for (uint32_t workers : {1u, 2u}) {
    TestRuntime runtime(workers);
    runtime.Run(BusyMain(runtime));
  }
}

Task<void> Once(std::atomic<int>& count) {
  count.fetch_add(1);
  co_return;
}
Task<void> OverflowMain(TestRuntime& runtime, std::atomic<int>& count) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 5000; ++i) group.Spawn(Once(count));
  co_await group.Join();
}
TEST(SchedulerTest, MoreTasksThanTheQueueHolds) {
  for (uint32_t workers : {1u, 2u}) {
    TestRuntime runtime(workers);
    std::atomic<int> count{0};
    runtime.Run(OverflowMain(runtime, count));
    EXPECT_EQ(count.load(), 5000);
    if (workers == 1) EXPECT_GT(runtime.worker(0)->counters().overflow.load(), 0u);
  }
}

Task<uint32_t> WhereAmI() { co_return Worker::Current()->index(); }
Task<void> PlaceMain(TestRuntime& runtime) {
  for (int i = 0; i < 1000; ++i) {
    const uint32_t wanted = i % 2;
    EXPECT_EQ((co_await SpawnOn(runtime.handle(), runtime.worker(wanted), WhereAmI())).value(),
              wanted);
  }
}
TEST(SchedulerTest, ANamedWorkerRunsTheTask) {
  TestRuntime runtime(2);
  runtime.Run(PlaceMain(runtime));
}

// A plain thread wakes a task of an idle runtime again and again and waits for its answer.
Task<void> Answer(std::vector<Gate>& questions, std::atomic<size_t>& answered) {
  for (Gate& question : questions) {
    co_await question;
    answered.fetch_add(1, std::memory_order_release);
  }
}
Task<void> WakeMain(TestRuntime& runtime, int tasks, std::atomic<bool>& lost) {
  constexpr size_t kQuestions = 20000;
  std::vector<std::vector<Gate>> questions;
  for (int t = 0; t < tasks; ++t) questions.emplace_back(kQuestions / static_cast<size_t>(tasks));
  std::atomic<size_t> answered{0};
  TaskGroup group(runtime.handle());
  for (auto& row : questions) group.Spawn(Answer(row, answered));
  std::thread stranger([&, random = Random(Seed())]() mutable {
    size_t asked = 0;
    for (size_t i = 0; i < questions[0].size(); ++i) {
      Pause(random, 10'000);  // the workers are going to sleep
      for (auto& row : questions) row[i].Open();
      asked += questions.size();
      const Deadline deadline;
      while (answered.load(std::memory_order_acquire) < asked && !lost.load()) {
        std::this_thread::yield();
        if (!deadline.over()) continue;
        lost.store(true);
        for (uint32_t w = 0; w < runtime.handle().workers(); ++w) runtime.worker(w)->Wake();
      }
    }
  });
  co_await group.Join();
  stranger.join();
}
TEST(SchedulerTest, NoWakeUpFromAnotherThreadIsLost) {
  for (uint32_t workers : {1u, 2u}) {
    for (int tasks : {1, 2}) {
      SCOPED_TRACE(::testing::Message() << workers << " workers, " << tasks << " tasks");
      TestRuntime runtime(workers);
      std::atomic<bool> lost{false};
      runtime.Run(WakeMain(runtime, tasks, lost));
      EXPECT_FALSE(lost.load());
    }
  }
}

// Tasks that move about and come to an end while others are born, with every kind of wake-up.
Task<void> Wander(TestRuntime& runtime, std::atomic<int>& count, int further) {
  co_await Yield();
  if (further > 0) {
    JoinHandle<void> here = Spawn(Wander(runtime, count, further - 1));
    JoinHandle<void> there =
        SpawnOn(runtime.handle(), runtime.worker(further % 2), Wander(runtime, count, further - 2));
    (co_await std::move(there)).value();
    (co_await std::move(here)).value();
  }
  count.fetch_add(1);
}
TEST(SchedulerTest, EverythingHasEndedWhenMainHas) {
  TestRuntime runtime(2);
  std::atomic<int> count{0};
  runtime.Run(Wander(runtime, count, 18));
  EXPECT_GT(count.load(), 5000);
  EXPECT_EQ(runtime.handle().live_tasks(), 0u);
}

Task<void> WaitForEver(Gate& gate) { co_await gate; }
Task<void> ForgetfulMain(Gate& gate) {
  Spawn(WaitForEver(gate)).Detach();
  co_return;
}
TEST(SchedulerDeathTest, ATaskThatNobodyJoinedIsAnError) {
  EXPECT_DEATH(
      {
        Gate gate;
        TestRuntime(1).Run(ForgetfulMain(gate));
      },
      "live_tasks");
}

// Nothing has run then, wherever it was that a reactor was missing.
TEST(RuntimeTest, EndsWhenAReactorCannotBeMade) {
  const MonotonicClock clock;
  for (const uint32_t workers : {1u, 2u}) {
    for (uint32_t missing = 0; missing < workers; ++missing) {
      std::atomic<uint32_t> made{0};
      Runtime runtime({.workers = workers, .worker = {.buffers = 4, .buffer_size = 4096}}, clock,
                      [&](BufferPool& pool) -> absl::StatusOr<std::unique_ptr<Reactor>> {
                        if (made++ == missing) return absl::UnavailableError("no reactor");
                        return NullReactor::Factory()(pool);
                      });
      bool ran = false;
      const auto main = [](bool& ran) -> Task<void> {
        ran = true;
        co_return;
      };
      EXPECT_EQ(runtime.Run(main(ran)).message(), "no reactor");
      EXPECT_FALSE(ran);
    }
  }
}

// After a start that came to nothing another one may; what was made is undone by the thread that
// made it.
TEST(RuntimeTest, StartsAgain) {
  const MonotonicClock clock;
  for (const uint32_t workers : {1u, 3u}) {
    std::atomic<uint32_t> made{0};
    Runtime runtime({.workers = workers, .worker = {.buffers = 4, .buffer_size = 4096}}, clock,
                    [&](BufferPool& pool) -> absl::StatusOr<std::unique_ptr<Reactor>> {
                      if (++made == workers) return absl::UnavailableError("one too many");
                      return NullReactor::Factory()(pool);
                    });
    EXPECT_EQ(runtime.Start().message(), "one too many");
    EXPECT_EQ(made.load(), workers);
    ASSERT_TRUE(runtime.Start().ok());
    bool ran = false;
    const auto main = [](bool& ran) -> Task<void> {
      ran = true;
      co_return;
    };
    EXPECT_TRUE(runtime.Run(main(ran)).ok());
    EXPECT_TRUE(ran);
  }
}

TEST(RuntimeTest, MayEndBetweenStartAndRun) {
  const MonotonicClock clock;
  Runtime runtime({.workers = 3, .worker = {.buffers = 4, .buffer_size = 4096}}, clock,
                  NullReactor::Factory());
  EXPECT_TRUE(runtime.Start().ok());
}

// More address space than there is: an error, and the process goes on.
TEST(RuntimeTest, BuffersThatTheKernelDoesNotGrant) {
  const MonotonicClock clock;
  for (const uint32_t workers : {1u, 2u}) {
    Runtime runtime({.workers = workers, .worker = {.buffers = 2, .buffer_size = size_t{1} << 47}},
                    clock, NullReactor::Factory());
    const absl::Status status = runtime.Start();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_NE(status.message().find("address space"), absl::string_view::npos) << status;
  }
}

TEST(WorkerTest, StepRunsOneTaskAndSaysWhenThereIsNone) {
  MonotonicClock clock;
  Shared shared(1);
  Worker& worker = shared.AddWorker(clock, {.buffers = 1});
  ASSERT_TRUE(worker.Start(NullReactor::Factory()).ok());
  worker.Enter();
  EXPECT_FALSE(worker.Step());
  std::atomic<int> count{0};
  for (int i = 0; i < 3; ++i) SpawnOn(RuntimeHandle(shared), nullptr, Once(count)).Detach();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(worker.Step());
    EXPECT_EQ(count.load(), i);
  }
  EXPECT_FALSE(worker.Step());
  Worker::LeaveCurrent();
}

}  // namespace
}  // namespace sluice::core::testing
