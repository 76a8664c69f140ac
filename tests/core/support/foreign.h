// Foreign: what a thread that runs no tasks asks of a runtime, and a runtime that lives meanwhile.
#ifndef SLUICE_TESTS_CORE_SUPPORT_FOREIGN_H_
#define SLUICE_TESTS_CORE_SUPPORT_FOREIGN_H_

#include <memory>
#include <stdexcept>
#include <thread>

#include "core/runtime/handle.h"
#include "core/task/outcome.h"
#include "core/task/task.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {

inline Task<std::unique_ptr<int>> Number(int number) {
  co_await Yield();
  co_return std::make_unique<int>(number);
}
inline Task<int> Throws(bool cancelled) {
  co_await Yield();
  if (cancelled) throw Cancelled();
  throw std::runtime_error("broken");
}
inline Task<void> Nothing() { co_await Yield(); }

// Runs `foreign` on a thread of its own while the runtime runs.
template <typename Foreign>
Task<void> RunForeign(Foreign foreign) {
  Gate ended;
  std::thread thread([&, runtime = RuntimeHandle::Current()] {
    foreign(runtime);
    ended.Open();
  });
  co_await ended;
  thread.join();
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_FOREIGN_H_
