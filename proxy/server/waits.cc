#include "proxy/server/waits.h"

#include <utility>

#include "core/task/select.h"

namespace sluice::proxy {

bool Waits::has_room() const {
  absl::MutexLock lock(&mutex_);
  return !is_closed_ && count_ < kMost;
}

bool Waits::Start(core::Task<void> wait, std::shared_ptr<core::CancellationSource> gone) {
  absl::MutexLock lock(&mutex_);
  if (is_closed_ || count_ == kMost) return false;
  ++count_;
  tasks_.Spawn(Run(std::move(wait), std::move(gone)));
  return true;
}

core::Task<void> Waits::Run(core::Task<void> wait, std::shared_ptr<core::CancellationSource> gone) {
  (void)co_await core::Select(core::Named<"wait">(std::move(wait)),
                              core::Named<"gone">(gone->token().Cancelled()),
                              core::Named<"stop">(stop_.token().Cancelled()));
  absl::MutexLock lock(&mutex_);
  --count_;
}

core::Task<void> Waits::Close() {
  {
    absl::MutexLock lock(&mutex_);
    is_closed_ = true;
  }
  stop_.Cancel();
  co_await tasks_.Join();
}

}  // namespace sluice::proxy
