// A value that is ready: the smallest coroutine that awaits something, with all of its inside.
//
// A function that says co_await or co_return is a coroutine. The compiler makes of it
//
//   a frame     memory from the heap: its parameters, its locals, and where it stands still
//   a promise   an object in the frame, of the type that its return type names (promise_type): the
//               compiler calls it to ask what the caller gets, whether to run at once, and so on
//   a handle    a pointer to the frame. resume() runs the function from where it stands still to
//               where it stands still next; destroy() frees the frame
//
// and `co_await x` is three calls:
//
//   x.await_ready()          is there nothing to wait for? then the coroutine goes straight on
//   x.await_suspend(handle)  it stands still now; x keeps the handle, for what will resume it
//   x.await_resume()         it goes on: what this returns is the value of the whole expression
#include <coroutine>
#include <cstdio>
#include <exception>

namespace {

// What the coroutines of this page return to their callers: the owner of the frame.
class Coroutine {
 public:
  struct promise_type {
    int result = 0;

    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    // Lazy: it stands still before its first line.
    std::suspend_always initial_suspend() noexcept { return {}; }
    // And after its last one, so that the result can still be read. Without it the frame would go.
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(int value) { result = value; }  // co_return value;
    void unhandled_exception() { std::terminate(); }
  };

  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Coroutine(const Coroutine&) = delete;  // one frame, one owner
  ~Coroutine() { handle_.destroy(); }

  void Resume() { handle_.resume(); }
  bool done() const { return handle_.done(); }
  int result() const { return handle_.promise().result; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// What is awaited: a value that is there already.
struct Ready {
  int value;

  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}  // never called
  int await_resume() const noexcept { return value; }
};

Coroutine Compute() {
  std::puts("running");
  const int value = co_await Ready{42};
  std::printf("awaited %d\n", value);
  co_return value;
}

}  // namespace

int main() {
  Coroutine compute = Compute();
  std::puts("made: nothing of it has run");
  compute.Resume();
  std::printf("%s with %d\n", compute.done() ? "ended" : "not ended", compute.result());
}
