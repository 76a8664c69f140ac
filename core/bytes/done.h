// Done: an awaitable that has ended already, for what has a co_await in its interface and need not
// wait here: `Done<IoResult<void>> Shutdown() { return Done(api.ShutdownWrite(fd_)); }`
#ifndef SLUICE_CORE_BYTES_DONE_H_
#define SLUICE_CORE_BYTES_DONE_H_

#include <coroutine>
#include <utility>

namespace sluice::core {

template <typename T>
class [[nodiscard]] Done {
 public:
  explicit Done(T value) : value_(std::move(value)) {}
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() { return std::move(value_); }

 private:
  T value_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_DONE_H_
