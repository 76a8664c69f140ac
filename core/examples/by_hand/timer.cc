// A timer that a thread fires: a coroutine that is resumed by an event, and not by a loop.
//
// The thread and the coroutine meet in one state, under one lock: the time may be over before the
// coroutine waits, while it begins to, or long after.
//
//   RUNNING ── await_suspend: keeps the handle ──► AWAITED ── the time is over: resumes it ─► FIRED
//      └────── the time is over ─────────────────────────────────────────────────────────────► ▲
//                                  await_suspend finds that: it says false, do not stand still ┘
//
// That is the one hard part of everything that can be awaited. A wake-up that comes between looking
// and waiting must not be lost, and the coroutine must not be resumed twice.
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>

namespace {

using std::chrono_literals::operator""ms;

class Timer {
 public:
  explicit Timer(std::chrono::milliseconds time)
      : thread_([this, time] {
          std::this_thread::sleep_for(time);
          Fire();
        }) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    std::lock_guard lock(mutex_);
    if (fired_) return false;
    waiting_ = handle;
    return true;  // from here on the other thread may resume it: nothing here is touched any more
  }
  void await_resume() const noexcept {}

 private:
  void Fire() {
    std::coroutine_handle<> waiting;
    {
      std::lock_guard lock(mutex_);
      fired_ = true;
      waiting = waiting_;
    }
    // Not under the lock. What has waited goes on here, on the timer's thread, and does whatever it
    // likes. It is to run somewhere else: that is what an executor is for (executor.h).
    if (waiting) waiting.resume();
  }

  std::mutex mutex_;
  bool fired_ = false;
  std::coroutine_handle<> waiting_;
  std::jthread thread_;  // last: it uses the others
};

// Begins at once, and its frame goes at its end: nothing waits for it.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Its parameters are references: main keeps both until the coroutine has ended.
Detached Wait(Timer& timer, std::latch& ended) {
  const auto before = std::this_thread::get_id();
  std::puts("waiting");
  co_await timer;
  std::printf("fired; on another thread: %s\n",
              before == std::this_thread::get_id() ? "no" : "yes");
  ended.count_down();
}

}  // namespace

int main() {
  std::latch ended(1);
  Timer timer(100ms);
  Wait(timer, ended);
  std::puts("main goes on while it waits");
  ended.wait();  // a thread waits for a coroutine
}
