#include "proxy/server/run_elsewhere.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/time.h"
#include "core/sync/cancellation.h"

namespace sluice::proxy {
namespace {

constexpr int kBehindWorkers = 10;  // niceness: a tenth of the time beside a worker that is busy
constexpr core::Duration kLingers = 1s;  // both steps of a reload, and reloads that follow it

// The task's and the thread's: either may be the last to need it.
struct Call {
  std::function<void()> work;
  core::CancellationSource done;
};
using CallPtr = std::shared_ptr<Call>;

void Do(Call& call) {
  call.work();
  call.work = nullptr;  // what it keeps goes here, not in the task
}

// Returns an errno. Not std::thread, which throws.
int StartThread(void* (*run)(void*), const CallPtr& call) {
  pthread_attr_t detached;
  if (const int error = pthread_attr_init(&detached); error != 0) return error;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  auto argument = std::make_unique<CallPtr>(call);
  pthread_t thread;
  const int error = pthread_create(&thread, &detached, run, argument.get());
  pthread_attr_destroy(&detached);
  if (error == 0) (void)argument.release();  // the thread's now
  return error;
}

CallPtr FirstCallOf(void* argument) {
  pthread_setname_np(pthread_self(), "elsewhere");
  return *std::unique_ptr<CallPtr>(static_cast<CallPtr*>(argument));
}

// Those that wait for further work. A thread that ends gives all of its heap back to the kernel,
// with calls that stop the workers for a moment (each of their CPUs is told), and the next one
// fetches it again, page by page.
class LingeringThreads {
 public:
  // Never destroyed: a thread may wait in it when the process ends.
  static LingeringThreads& Get() {
    static LingeringThreads& threads = *new LingeringThreads;
    return threads;
  }

  int Give(const CallPtr& call) {
    absl::MutexLock lock(&mutex_);
    if (waiting_.size() < idle_) {
      waiting_.push_back(call);
      return 0;
    }
    return StartThread(&RunThread, call);
  }

 private:
  static void* RunThread(void* argument) {
    CallPtr call = FirstCallOf(argument);
    // Linux has a niceness of each thread. If it may not be set, it runs beside the workers.
    const auto thread = static_cast<id_t>(gettid());
    (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kBehindWorkers);
    while (call != nullptr) {
      Do(*call);
      // Before the task hears of it, which may have the next call at once.
      Get().BecomeIdle();
      call->done.Cancel();
      call = Get().NextCall();
    }
    return nullptr;
  }

  void BecomeIdle() {
    absl::MutexLock lock(&mutex_);
    ++idle_;
  }

  // Null: there was none for a while.
  CallPtr NextCall() {
    absl::MutexLock lock(&mutex_);
    const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !waiting_.empty(); };
    mutex_.AwaitWithTimeout(absl::Condition(&has_work), absl::FromChrono(kLingers));
    --idle_;
    if (waiting_.empty()) return nullptr;
    CallPtr call = std::move(waiting_.front());
    waiting_.pop_front();
    return call;
  }

  absl::Mutex mutex_;
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads; no less than there are calls that wait
  std::deque<CallPtr> waiting_ ABSL_GUARDED_BY(mutex_);
};

void* RunOnce(void* argument) {
  const CallPtr call = FirstCallOf(argument);
  Do(*call);
  call->done.Cancel();
  return nullptr;
}

// `give` returns an errno.
core::Task<absl::Status> RunWith(int (*give)(const CallPtr&), std::function<void()> work) {
  const auto call = std::make_shared<Call>();
  call->work = std::move(work);
  if (const int error = give(call); error != 0) {
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
  return RunWith([](const CallPtr& call) { return StartThread(&RunOnce, call); }, std::move(work));
}

core::Task<absl::Status> RunBehindWorkers(std::function<void()> work) {
  return RunWith([](const CallPtr& call) { return LingeringThreads::Get().Give(call); },
                 std::move(work));
}

}  // namespace sluice::proxy
