#include "proxy/listener/acceptor.h"

#include <cerrno>
#include <cstddef>
#include <utility>

#include "core/base/check.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

// Connections taken from the kernel's queue at the end before others run.
constexpr size_t kRestPerRound = 64;
constexpr core::Duration kRestPause = 5ms;

}  // namespace

void Acceptor::SetListener(core::IntrusivePtr<ListenerState> listener) {
  absl::MutexLock lock(&mutex_);
  std::swap(listener_, listener);  // the one before goes after the lock
}

core::IntrusivePtr<ListenerState> Acceptor::CurrentListener() {
  absl::MutexLock lock(&mutex_);
  return stopped_ ? core::IntrusivePtr<ListenerState>() : listener_;
}

void Acceptor::Start() {
  SLUICE_DCHECK(loops_running_ == nullptr);
  loops_running_ = std::make_unique<core::TaskGroup>(runtime_);
  for (uint32_t i = 0; i < runtime_.workers(); ++i) {
    loops_.push_back(std::make_unique<AcceptLoop>(context_, *this));
    loops_running_->Spawn(loops_.back()->Run(socket_.fd()), &runtime_.worker(i), {"accept loop"});
  }
}

void Acceptor::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

core::Task<void> Acceptor::Join() {
  if (loops_running_ == nullptr) co_return;
  co_await loops_running_->Join();
  loops_running_.reset();
  loops_.clear();
}

void Acceptor::Resume() {
  SLUICE_DCHECK(loops_running_ == nullptr);
  absl::MutexLock lock(&mutex_);
  stopped_ = false;
}

core::Task<void> Acceptor::AcceptRest(core::CancellationToken hurry) {
  core::IntrusivePtr<ListenerState> listener;
  {
    absl::MutexLock lock(&mutex_);
    listener = listener_;
  }
  size_t waiting = socket_.Waiting();
  while (waiting > 0 && !hurry.cancelled()) {
    for (size_t i = 0; i < kRestPerRound && waiting > 0 && !hurry.cancelled(); ++i) {
      core::IoResult<int> fd = core::CurrentReactor().AcceptNow(socket_.fd());
      if (fd.ok()) {
        if (socket_.address().is_unix()) core::CurrentReactor().PrepareStream(*fd);
        StartOrReject(context_, *listener, *fd);
        --waiting;
      } else if (fd.error() == EAGAIN) {
        waiting = 0;
      } else if (fd.error() == ECONNABORTED || fd.error() == EPROTO) {
        --waiting;  // this client has gone
      } else {
        // It still waits: sessions that end give descriptors back.
        co_await PauseAccepting(context_, *listener, fd.error(), kRestPause);
      }
    }
    if (waiting > 0) (void)co_await core::Sleep(0s);
  }
}

}  // namespace sluice::proxy
