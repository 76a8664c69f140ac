// Timers beside a reactor: while the worker is idle, while it is busy with tasks that are always
// ready and with sockets that are, and in order of time.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <string>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::Instant;

class TimerTest : public ContractTest {};
SLUICE_CONTRACT(TimerTest, kAll);

Task<void> IdleMain(const core::Clock& clock) {
  for (const Duration span :
       {0ns, 1ns, Duration(200us), Duration(1ms), Duration(2ms), Duration(70ms)}) {
    const Instant before = clock.Now();
    EXPECT_TRUE(co_await core::Sleep(span));
    EXPECT_GE(clock.Now() - before, span);  // never early
  }
}
TEST_P(TimerTest, WhileIdle) { Run(IdleMain(clock)); }

// Keeps one worker busy: its socket always has something, or it only yields.
Task<void> AlwaysReady(std::atomic<bool>& stop) {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1);
  const std::string chunk(1000, 'x');
  while (!stop.load()) {
    SendSome(pair.peer.get(), chunk);
    (void)co_await ReceiveNext(stream);
  }
  co_await StopAndClose(stream);
}
Task<void> OnlyYields(std::atomic<bool>& stop) {
  while (!stop.load()) co_await Yield();
}

// Sleeps until a moment that does not depend on when the task gets to it.
class SleepUntil final : public core::Timer {
 public:
  explicit SleepUntil(Instant deadline) : deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> self) {
    waiter_ = self;
    core::Worker::Current()->wheel().Arm(*this, deadline_, *self.promise().task);
  }
  void await_resume() const {}
  void OnReady() override {
    Fired();
    waiter_.resume();
  }

 private:
  const Instant deadline_;
  std::coroutine_handle<> waiter_;
};

// One task per timer: they note in which order they run.
struct Order {
  std::atomic<int> next{0};
  std::atomic<bool> late{false};  // one was armed when its time had come: the machine stood still
  std::vector<int> places = std::vector<int>(20, -1);  // of each timer, by deadline
};
Task<void> NoteAt(Instant deadline, int index, Order& order, const core::Clock& clock) {
  if (clock.Now() >= deadline) order.late.store(true);
  co_await SleepUntil(deadline);
  EXPECT_GE(clock.Now(), deadline);
  order.places[index] = order.next.fetch_add(1);
}

Task<void> BusyMain(core::RuntimeHandle runtime, const core::Clock& clock) {
  std::atomic<bool> stop{false};
  core::TaskGroup busy(runtime);
  for (uint32_t worker = 0; worker < runtime.workers(); ++worker) {
    for (int i = 0; i < 3; ++i) busy.Spawn(AlwaysReady(stop), &runtime.worker(worker));
    busy.Spawn(OnlyYields(stop), &runtime.worker(worker));
  }
  co_await Turns(2);
  for (uint32_t worker = 0; worker < runtime.workers(); ++worker) {
    Order order;
    core::TaskGroup timers(runtime);
    const Instant begin = clock.Now() + 300ms;  // all are armed by then
    for (int i = 0; i < 20; ++i) {
      const int index = i * 7 % 20;  // armed in another order; on two levels of the wheel
      timers.Spawn(NoteAt(begin + index * 5ms, index, order, clock), &runtime.worker(worker));
    }
    co_await timers.Join();
    EXPECT_EQ(order.next.load(), 20);
    // With two workers a task that was stolen may run a moment later.
    if (runtime.workers() == 1 && !order.late.load()) {
      EXPECT_TRUE(std::is_sorted(order.places.begin(), order.places.end()));
    }
  }
  stop.store(true);
  co_await busy.Join();
}
TEST_P(TimerTest, WhileBusy) { Run(BusyMain(handle(), clock)); }

}  // namespace
}  // namespace sluice::contract
