#include "core/runtime/blocking_pool.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "absl/time/time.h"

namespace sluice::core {

void BlockingPool::Ops::Push(FileOp& op) {
  op.queued = true;
  op.next = nullptr;
  op.previous = last_;
  if (last_ == nullptr) {
    first_ = &op;
  } else {
    last_->next = &op;
  }
  last_ = &op;
  ++size_;
}

bool BlockingPool::Ops::Remove(FileOp& op) {
  if (!op.queued) return false;
  op.queued = false;
  auto* const next = static_cast<FileOp*>(op.next);
  if (op.previous == nullptr) {
    first_ = next;
  } else {
    op.previous->next = next;
  }
  (next == nullptr ? last_ : next->previous) = op.previous;
  op.next = nullptr;
  --size_;
  return true;
}

BlockingPool::~BlockingPool() {
  Threads threads;
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
  std::exception_ptr failed;
  Threads ended;  // joined without the lock: a short wait
  {
    absl::MutexLock lock(&mutex_);
    waiting_.Push(call);
    failed = WhyNoThread(ended);
    if (failed != nullptr) waiting_.Remove(call);
  }
  for (std::thread& thread : ended) thread.join();
  if (failed == nullptr) return true;
  call.Fail(std::move(failed));
  return false;
}

bool BlockingPool::Begin(Op& op) {
  auto& file_op = static_cast<FileOp&>(op);
  bool begun;
  Threads ended;
  {
    absl::MutexLock lock(&mutex_);
    ops_.Push(file_op);
    begun = WhyNoThread(ended) == nullptr;
    if (!begun) ops_.Remove(file_op);
  }
  for (std::thread& thread : ended) thread.join();
  return begun;
}

bool BlockingPool::Withdraw(Op& op) {
  absl::MutexLock lock(&mutex_);
  return ops_.Remove(static_cast<FileOp&>(op));
}

// Something has been queued. Null: a thread will take it.
std::exception_ptr BlockingPool::WhyNoThread(Threads& ended) {
  ended.swap(ended_);
  const bool has_one = waiting_.size() + ops_.size() <= idle_;
  if (has_one || (threads_ > 0 && threads_ >= options_.threads)) return nullptr;
  try {
    StartThread();
  } catch (...) {
    if (threads_ == 0) return std::current_exception();
  }
  return nullptr;
}

uint32_t BlockingPool::threads() const {
  absl::MutexLock lock(&mutex_);
  return threads_;
}

void BlockingPool::StartThread() {
  std::error_code why = std::make_error_code(std::errc::resource_unavailable_try_again);
  try {
    if (options_.threads > 0) {
      running_.emplace_back([this] { RunThread(); });
      ++threads_;
      return;
    }
  } catch (const std::system_error& error) {
    why = error.code();
  }
  throw std::system_error(why, "cannot start a thread for a blocking call");
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
    return {.op = ops_.Pop()};
  }
  if (!waiting_.empty()) {
    op_is_next_ = true;
    return {.call = waiting_.Pop()};
  }
  const auto self = std::find_if(running_.begin(), running_.end(), [](const std::thread& each) {
    return each.get_id() == std::this_thread::get_id();
  });
  ended_.splice(ended_.end(), running_, self);
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
