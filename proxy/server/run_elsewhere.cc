#include "proxy/server/run_elsewhere.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/sync/cancellation.h"

namespace sluice::proxy {
namespace {

// What a thread has that works behind the workers: a tenth of the time beside one that is busy, and
// of that a little at a time. Since Linux 6.6 a thread that wakes up waits until the running one
// has had its slice, 2.8 ms unless it asked for less, however nice that one is.
constexpr int kBehindWorkers = 10;  // niceness, more than the process has
constexpr int kMostNiceness = 19;
constexpr uint64_t kSliceNanoseconds = 100'000;  // the least that Linux allows

// struct sched_attr of <linux/sched/types.h>, which cannot be included beside <pthread.h>.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t niceness = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // nanoseconds of a slice, of SCHED_OTHER and SCHED_BATCH
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);  // SCHED_ATTR_SIZE_VER0

// If it may not, or the process runs under another policy, the thread runs beside the workers.
void StepBehindWorkers() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return;
  attributes.size = sizeof(attributes);
  attributes.policy = SCHED_BATCH;
  attributes.flags = 0;
  attributes.niceness = std::min(attributes.niceness + kBehindWorkers, kMostNiceness);
  attributes.runtime = kSliceNanoseconds;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// The task's and the thread's: either may be the last to need it.
struct Call {
  std::function<void()> work;
  bool behind_workers = false;
  core::CancellationSource done;
};

void* RunCall(void* argument) {
  const std::unique_ptr<std::shared_ptr<Call>> call(static_cast<std::shared_ptr<Call>*>(argument));
  pthread_setname_np(pthread_self(), "elsewhere");
  if ((*call)->behind_workers) StepBehindWorkers();
  (*call)->work();
  (*call)->work = nullptr;  // what it keeps goes here, not in the task
  (*call)->done.Cancel();
  return nullptr;
}

// Returns an errno. Not std::thread, which throws.
int StartThread(const std::shared_ptr<Call>& call) {
  pthread_attr_t detached;
  if (const int error = pthread_attr_init(&detached); error != 0) return error;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  auto argument = std::make_unique<std::shared_ptr<Call>>(call);
  pthread_t thread;
  const int error = pthread_create(&thread, &detached, &RunCall, argument.get());
  pthread_attr_destroy(&detached);
  if (error == 0) (void)argument.release();  // the thread's now
  return error;
}

core::Task<absl::Status> RunWith(bool behind_workers, std::function<void()> work) {
  const auto call = std::make_shared<Call>();
  call->work = std::move(work);
  call->behind_workers = behind_workers;
  if (const int error = StartThread(call); error != 0) {
    co_return absl::ErrnoToStatus(error, "cannot start a thread");
  }
  if (!co_await call->done.token().Cancelled()) co_return absl::CancelledError("given up");
  co_return absl::OkStatus();
}

}  // namespace

core::Task<absl::Status> RunHere(std::function<void()> work) {
  work();
  co_return absl::OkStatus();
}

core::Task<absl::Status> RunOnThread(std::function<void()> work) {
  return RunWith(/*behind_workers=*/false, std::move(work));
}

core::Task<absl::Status> RunBehindWorkers(std::function<void()> work) {
  return RunWith(/*behind_workers=*/true, std::move(work));
}

}  // namespace sluice::proxy
