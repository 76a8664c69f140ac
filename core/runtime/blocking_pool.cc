#include "core/runtime/blocking_pool.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <system_error>

#include "absl/time/time.h"

namespace sluice::core {

BlockingPool::~BlockingPool() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK(waiting_.empty());
    stopping_ = true;
    mutex_.Await(absl::Condition(+[](uint32_t* threads) { return *threads == 0; }, &threads_));
    threads.swap(ended_);
  }
  for (std::thread& thread : threads) thread.join();
}

bool BlockingPool::Queue(BlockingCall& call) {
  bool queued = true;
  std::vector<std::thread> ended;  // joined without the lock: a short wait
  {
    absl::MutexLock lock(&mutex_);
    ended.swap(ended_);
    waiting_.Push(call);
    if (waiting_.size() > idle_ && threads_ < options_.threads && !StartThread()) {
      queued = false;
      waiting_.Remove(call);
      call.Fail(std::make_exception_ptr(
          std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            "cannot start a thread for a blocking call")));
    }
  }
  for (std::thread& thread : ended) thread.join();
  return queued;
}

uint32_t BlockingPool::threads() const {
  absl::MutexLock lock(&mutex_);
  return threads_;
}

// False: there is none at all.
bool BlockingPool::StartThread() {
  try {
    running_.emplace_back([this] { RunThread(); });
    ++threads_;
  } catch (const std::system_error&) {
  }
  return threads_ > 0;
}

// Waits for work. Null: the thread is to end.
BlockingCall* BlockingPool::NextCall() {
  absl::MutexLock lock(&mutex_);
  ++idle_;
  mutex_.AwaitWithTimeout(absl::Condition(this, &BlockingPool::HasWork),
                          absl::FromChrono(options_.idle));
  --idle_;
  if (!waiting_.empty()) return waiting_.Pop();
  const auto self = std::find_if(running_.begin(), running_.end(), [](const std::thread& each) {
    return each.get_id() == std::this_thread::get_id();
  });
  ended_.push_back(std::move(*self));
  running_.erase(self);
  --threads_;
  return nullptr;
}

void BlockingPool::RunThread() {
  pthread_setname_np(pthread_self(), "blocking");
  while (BlockingCall* call = NextCall()) {
    call->Make();
    Woken woken;
    woken.Add(*call);
  }
}

}  // namespace sluice::core
