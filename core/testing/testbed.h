// Testbed: a runtime for a test, with time that is paused, an order of tasks that may be by chance,
// and an end at which nothing is left.
//
//     Testbed bed({.workers = 2});
//     EXPECT_EQ(bed.Run(Conversation()), "");        // else what is wrong
//     EXPECT_EQ(bed.Finish(), "");                   // else what is left, and what it waits for
//
// With GoogleTest there is a fixture that does both: core/testing/fixture.h.
//
//   Run      runs a task to its end. A sleep of hours takes no time (PausedClock). If the task can
//            never end, because nothing runs, no timer is armed and no op is in flight, it says
//            which tasks wait, and for what; then it cancels the task.
//   Finish   lets everything run that can. Then no task may be left, and no timer armed; it cancels
//            what is left, ends the runtime, and no coroutine frame may be left. A handle keeps the
//            frame of its task, and the two ends of a Oneshot keep one: they go before.
//
// A call on a thread of its own (RunBlocking, a std::thread) is nothing that the clock sees: hold
// it meanwhile (PausedClock::Hold), or time goes on, or Run takes its task for one that cannot end.
//
// With `shuffle_seed` what is ready runs in an order by chance, the same for the same seed if there
// is one worker. SLUICE_FRAMES=1 in the environment prints the sizes of all frames at the end.
//
// Threads: the one that makes it. One at a time: it watches all frames of the process.
// Checked by: tests/core/testing/testbed_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_TESTING_TESTBED_H_
#define SLUICE_CORE_TESTING_TESTBED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/time.h"
#include "core/runtime/runtime.h"
#include "core/task/co_invoke.h"
#include "core/task/task.h"
#include "core/testing/frame_ledger.h"
#include "core/testing/paused_clock.h"

namespace sluice::core::testing {

struct TestbedOptions {
  uint32_t workers = 1;
  Backend backend = Backend::kAuto;
  Duration io_grace{0};       // of the PausedClock
  uint64_t shuffle_seed = 0;  // 0: tasks run as they do in earnest
};

class Testbed {
 public:
  // Ends the process when the backend cannot be had.
  explicit Testbed(const TestbedOptions& options = {});
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;
  ~Testbed();

  // Empty, or a sentence for each thing that is wrong.
  std::string Run(Task<void> task);
  // The same for a callable that makes a task; it is kept meanwhile.
  template <typename F>
    requires std::is_same_v<std::invoke_result_t<F&>, Task<void>>
  std::string Run(F function) {
    return Run(CoInvoke(std::move(function)));
  }

  // Once, the last thing.
  std::string Finish();

  PausedClock& clock() { return clock_; }
  Runtime::Handle handle() { return runtime_->handle(); }
  const FrameLedger& frames() const { return frames_; }

 private:
  Task<void> Watch(Task<void> task, std::string& wrong);
  // All but one, by what they wait for.
  std::string DescribeTasks(const Runnable* but = nullptr);

  FrameLedger frames_;
  PausedClock clock_;
  std::optional<Runtime> runtime_;  // until Finish
};

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_TESTBED_H_
