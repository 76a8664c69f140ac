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
    SLUICE_CHECK(waiting_.empty() && ops_.empty());
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
    waiting_.Push(call);
    if (!HasThread(ended)) {
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

bool BlockingPool::Begin(Op& op) {
  bool begun = true;
  std::vector<std::thread> ended;
  {
    absl::MutexLock lock(&mutex_);
    ops_.Push(op);
    ++queued_ops_;
    if (!HasThread(ended)) {
      begun = false;
      --queued_ops_;
      ops_.Remove(op);
    }
  }
  for (std::thread& thread : ended) thread.join();
  return begun;
}

bool BlockingPool::Withdraw(Op& op) {
  absl::MutexLock lock(&mutex_);
  if (!ops_.Remove(op)) return false;
  --queued_ops_;
  return true;
}

// Something has been queued. False: no thread will take it.
bool BlockingPool::HasThread(std::vector<std::thread>& ended) {
  ended.swap(ended_);
  const bool wanted = waiting_.size() + queued_ops_ > idle_ && threads_ < options_.threads;
  return !wanted || StartThread();
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

// Waits for work.
BlockingPool::Work BlockingPool::NextWork() {
  absl::MutexLock lock(&mutex_);
  ++idle_;
  mutex_.AwaitWithTimeout(absl::Condition(this, &BlockingPool::HasWork),
                          absl::FromChrono(options_.idle));
  --idle_;
  if (!ops_.empty() && (op_is_next_ || waiting_.empty())) {
    op_is_next_ = false;
    --queued_ops_;
    return {.op = static_cast<FileOp*>(ops_.Pop())};
  }
  if (!waiting_.empty()) {
    op_is_next_ = true;
    return {.call = waiting_.Pop()};
  }
  const auto self = std::find_if(running_.begin(), running_.end(), [](const std::thread& each) {
    return each.get_id() == std::this_thread::get_id();
  });
  ended_.push_back(std::move(*self));
  running_.erase(self);
  --threads_;
  return {};
}

void BlockingPool::RunThread() {
  pthread_setname_np(pthread_self(), "blocking");
  for (;;) {
    const Work work = NextWork();
    if (work.op != nullptr) {
      Runnable& task = *work.op->task;
      work.op->result = CallFor(*work.op);
      work.op->retry = true;
      task.Post(*work.op);
    } else if (work.call != nullptr) {
      work.call->Make();
      Woken woken;
      woken.Add(*work.call);
    } else {
      return;
    }
  }
}

}  // namespace sluice::core
