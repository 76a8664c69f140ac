// Select: waits for the first of several tasks, and has the others give up. With core/:
// core/task/select.h.
//
// What loses is not simply destroyed: something may hold its handle (here the list of timers, in a
// runtime the kernel, which may be writing into its buffer) and would resume a frame that is gone.
// So cancelling is a request, and then an await:
//
//   Select ── begins all ── the first ends: it has won ── asks the others to stop ──┐
//     ▲                                                                             ▼
//     └──── goes on when all have ended ◄──── each ends early, and says what it has got
//
// A loser may end with a value all the same, in the moment in which it is asked. Here that is
// dropped; core::Select hands it over, for it may be a connection or a message.
#include <cstdio>
#include <utility>
#include <vector>

#include "core/examples/by_hand/executor.h"

namespace {

using by_hand::Clock;
using by_hand::Executor;
using by_hand::Task;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class StoppableSleep;

// The request: what waits has entered itself, so that it can be told.
class Stop {
 public:
  void Ask();
  bool asked() const { return asked_; }
  void Enter(StoppableSleep& sleep) { waiting_.push_back(&sleep); }
  void Leave(StoppableSleep& sleep) { std::erase(waiting_, &sleep); }

 private:
  bool asked_ = false;
  std::vector<StoppableSleep*> waiting_;
};

// `bool slept = co_await StoppableSleep(executor, stop, 1s);` False: it was asked to stop.
class StoppableSleep {
 public:
  StoppableSleep(Executor& executor, Stop& stop, Clock::duration time)
      : executor_(executor), stop_(stop), time_(time) {}

  bool await_ready() const { return stop_.asked(); }
  void await_suspend(std::coroutine_handle<> handle) {
    timer_ = executor_.AddTimer(Clock::now() + time_, handle);
    stop_.Enter(*this);
  }
  bool await_resume() {
    stop_.Leave(*this);
    return !stop_.asked();
  }
  void GiveUp() {  // the timer holds the handle no more, and it goes on now
    const std::coroutine_handle<> handle = timer_->second;
    executor_.RemoveTimer(timer_);
    executor_.Post(handle);
  }

 private:
  Executor& executor_;
  Stop& stop_;
  Clock::duration time_;
  Executor::Timers::iterator timer_;
};

void Stop::Ask() {
  asked_ = true;
  for (StoppableSleep* sleep : std::exchange(waiting_, {})) sleep->GiveUp();
}

struct Part {  // as in join.cc
  struct promise_type {
    Part get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

struct Race : std::suspend_always {
  Race(Executor& runs, Stop& stops, std::vector<Task<int>> parts)
      : executor(runs), stop(stops), tasks(std::move(parts)), left(tasks.size()) {}
  void await_suspend(std::coroutine_handle<> handle) {
    waiting = handle;
    for (size_t i = 0; i < tasks.size(); ++i) Run(std::move(tasks[i]), static_cast<int>(i));
  }
  std::pair<int, int> await_resume() const { return {winner, value}; }
  Part Run(Task<int> task, int index) {
    const int got = co_await std::move(task);
    if (winner < 0) {
      winner = index;
      value = got;
      stop.Ask();
    }
    if (--left == 0) executor.Post(waiting);
  }

  Executor& executor;
  Stop& stop;
  std::vector<Task<int>> tasks;
  size_t left;
  std::coroutine_handle<> waiting;
  int winner = -1;
  int value = 0;
};

Task<int> After(Executor& executor, Stop& stop, Clock::duration time, const char* name) {
  const bool slept = co_await StoppableSleep(executor, stop, time);
  std::printf("%s %s\n", name, slept ? "has ended" : "gave up");
  co_return slept ? 1 : 0;
}

Task<void> Main(Executor& executor) {
  Stop stop;
  std::vector<Task<int>> tasks;
  tasks.push_back(After(executor, stop, 3600s, "slow"));
  tasks.push_back(After(executor, stop, 10ms, "fast"));
  const auto [winner, value] = co_await Race(executor, stop, std::move(tasks));
  std::printf("number %d has won with %d\n", winner, value);
}

}  // namespace

int main() {
  Executor executor;
  executor.Spawn(Main(executor));
  executor.Run();
}
