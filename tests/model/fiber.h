// Fiber: a stack of its own to run a function on; the threads of a model are fibers.
//
// One thread of the operating system runs them all, one at a time. A fiber that is given up in the
// middle keeps what its stack owns: it is not unwound.
#ifndef SLUICE_TESTS_MODEL_FIBER_H_
#define SLUICE_TESTS_MODEL_FIBER_H_

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace sluice::model {

class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next switch to it calls `entry`, which never returns.
  void Reset(std::function<void()> entry);

  // Leaves the running fiber `from` (which may be the thread's first stack) for `to`.
  static void Switch(Fiber& from, Fiber& to);

 private:
  static constexpr size_t kStackBytes = 256 * 1024;
  static void Begin();

  std::function<void()> entry_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t context_;
  jmp_buf resume_;
  bool fresh_ = false;
};

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_FIBER_H_
