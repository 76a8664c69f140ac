// R7: Wake ends a Turn that waits, or else the next one that would. And what comes from other
// threads while the worker waits in the kernel.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/pause.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::testing::Gate;
using core::testing::Pause;
using core::testing::Random;
using core::testing::Seed;

using namespace std::chrono_literals;

class WakeTest : public ContractTest {};
SLUICE_CONTRACT(WakeTest, kAll);

// Inside a task the worker's own reactor may be turned by hand.
Task<void> ByHandMain() {
  core::Reactor& reactor = core::Worker::Current()->reactor();
  for (int i = 0; i < 1000; ++i) {
    reactor.Wake();  // the worker does not wait yet
    reactor.Turn(i % 2 == 0 ? std::optional<core::Duration>() : 60s, 64);
  }
  for (int i = 0; i < 1000; ++i) {
    std::atomic<bool> about_to_wait{false};
    std::thread waker([&] {
      while (!about_to_wait.load()) {
      }
      reactor.Wake();
    });
    about_to_wait.store(true);
    reactor.Turn(std::nullopt, 64);
    waker.join();
  }
  co_return;
}
TEST_P(WakeTest, EndsATurn) { Run(ByHandMain()); }

// A Turn that is asked not to wait leaves the wake-up to the one that would.
Task<void> NotConsumedMain() {
  core::Reactor& reactor = core::Worker::Current()->reactor();
  for (int i = 0; i < 100; ++i) {
    reactor.Wake();
    reactor.Turn(0ns, 64);
    reactor.Turn(0ns, 64);
    reactor.Turn(std::nullopt, 64);
  }
  co_return;
}
TEST_P(WakeTest, IsNotLostToATurnThatDoesNotWait) { Run(NotConsumedMain()); }

// It may return early for nothing (a signal), but not always.
Task<void> TimeoutMain(const core::Clock& clock) {
  core::Reactor& reactor = core::Worker::Current()->reactor();
  for (const core::Duration timeout :
       {core::Duration(1ms), core::Duration(3ms), core::Duration(500us)}) {
    bool waited = false;
    for (int i = 0; i < 100 && !waited; ++i) {
      const core::Instant before = clock.Now();
      reactor.Turn(timeout, 64);
      waited = clock.Now() - before >= timeout;
    }
    EXPECT_TRUE(waited);
  }
  co_return;
}
TEST_P(WakeTest, ATurnWaitsUntilItsTimeout) { Run(TimeoutMain(clock)); }

// Questions from plain threads, each asked when the last has been answered: the worker is asleep
// then, or just about to be.
Task<void> Answer(std::deque<Gate>& questions, std::atomic<size_t>& answered) {
  for (Gate& question : questions) {
    co_await question;
    answered.fetch_add(1, std::memory_order_release);
  }
}
Task<void> QuestionsMain(core::RuntimeHandle runtime) {
  constexpr int kThreads = 2;
  constexpr size_t kQuestions = 5000;
  std::deque<std::deque<Gate>> questions;
  std::deque<std::atomic<size_t>> answered(kThreads);
  std::deque<Gate> done(kThreads);
  core::TaskGroup group(runtime);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    questions.emplace_back(kQuestions);
    group.Spawn(Answer(questions[t], answered[t]));
  }
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t, random = Random(Seed() + t)]() mutable {
      for (size_t i = 0; i < kQuestions; ++i) {
        Pause(random, 10'000);  // the worker is going to sleep
        questions[t][i].Open();
        while (answered[t].load(std::memory_order_acquire) <= i) std::this_thread::yield();
      }
      done[t].Open();
    });
  }
  for (Gate& gate : done) co_await gate;
  co_await group.Join();
  for (std::thread& thread : threads) thread.join();
}
TEST_P(WakeTest, NoPostFromAnotherThreadIsLost) { Run(QuestionsMain(handle())); }

// The same for tasks handed to a worker by name.
Task<void> Count(std::atomic<size_t>& count) {
  count.fetch_add(1, std::memory_order_release);
  co_return;
}
Task<void> SpawnMain(core::RuntimeHandle runtime) {
  constexpr size_t kTasks = 5000;
  std::atomic<size_t> count{0};
  Gate done;
  core::TaskGroup group(runtime);
  std::thread stranger([&] {
    for (size_t i = 0; i < kTasks; ++i) {
      group.Spawn(Count(count), &runtime.worker(i % runtime.workers()));
      while (count.load(std::memory_order_acquire) <= i) std::this_thread::yield();
    }
    done.Open();
  });
  co_await done;
  stranger.join();
  co_await group.Join();
}
TEST_P(WakeTest, NoTaskFromAnotherThreadIsLost) { Run(SpawnMain(handle())); }

}  // namespace
}  // namespace sluice::contract
