#include "proxy/server/run_elsewhere.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "core/sync/cancellation.h"

namespace sluice::proxy {
namespace {

constexpr int kBehindWorkers = 10;  // niceness: a tenth of the time beside a worker that is busy

// The task's and the thread's: either may be the last to need it.
struct Call {
  std::function<void()> work;
  int niceness = 0;  // more than the process has
  core::CancellationSource done;
};

void* RunCall(void* argument) {
  const std::unique_ptr<std::shared_ptr<Call>> call(static_cast<std::shared_ptr<Call>*>(argument));
  pthread_setname_np(pthread_self(), "elsewhere");
  // Linux has a niceness of each thread. If it may not be set, the thread runs beside the workers.
  if ((*call)->niceness != 0) {
    const auto thread = static_cast<id_t>(gettid());
    (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + (*call)->niceness);
  }
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

core::Task<absl::Status> RunWith(int niceness, std::function<void()> work) {
  const auto call = std::make_shared<Call>();
  call->work = std::move(work);
  call->niceness = niceness;
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
  return RunWith(0, std::move(work));
}

core::Task<absl::Status> RunBehindWorkers(std::function<void()> work) {
  return RunWith(kBehindWorkers, std::move(work));
}

}  // namespace sluice::proxy
