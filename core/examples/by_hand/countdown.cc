// A countdown that stands still after every number, twice: as a coroutine, and as the state
// machine that the compiler makes of one.
//
// A coroutine that waits is not a thread that waits: nothing of it is on any stack. It is a frame
// on the heap, and something that holds its handle and will resume it. Here that is main, in a
// loop. In a runtime it is the event: a timer that fires, a socket that has become readable, a
// channel that has a value.
#include <coroutine>
#include <cstdio>
#include <exception>

namespace {

class Coroutine {  // ready.cc explains it
 public:
  struct promise_type {
    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Coroutine(const Coroutine&) = delete;
  ~Coroutine() { handle_.destroy(); }
  void Resume() { handle_.resume(); }
  bool done() const { return handle_.done(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Stands still until the one that has the handle resumes it. The library calls it suspend_always.
struct StandStill {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

Coroutine CountDown(int from) {
  for (int left = from; left > 0; --left) {
    std::printf("%d\n", left);
    co_await StandStill{};
  }
  std::puts("Liftoff!");
}

// The same without the compiler's help. What lives across a co_await is a member; a co_await is a
// state; to resume is to jump to where that state goes on.
class CountDownByHand {
 public:
  explicit CountDownByHand(int from) : from_(from) {}

  void Resume() {
    switch (state_) {
      case State::kBegin:
        left_ = from_;
        break;
      case State::kAfterNumber:
        --left_;
        break;
      case State::kEnded:
        std::terminate();  // a coroutine that has ended must not be resumed either
    }
    if (left_ > 0) {
      std::printf("%d\n", left_);
      state_ = State::kAfterNumber;
      return;  // stands still
    }
    std::puts("Liftoff!");
    state_ = State::kEnded;
  }
  bool done() const { return state_ == State::kEnded; }

 private:
  enum class State { kBegin, kAfterNumber, kEnded };
  State state_ = State::kBegin;
  int from_;
  int left_ = 0;
};

template <typename Machine>
void Run(Machine& machine) {
  int resumed = 0;
  for (; !machine.done(); ++resumed) machine.Resume();
  std::printf("resumed %d times\n", resumed);
}

}  // namespace

int main() {
  Coroutine coroutine = CountDown(3);
  Run(coroutine);
  CountDownByHand by_hand(3);
  Run(by_hand);
}
