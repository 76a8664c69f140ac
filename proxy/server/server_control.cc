#include "proxy/server/server_control.h"

namespace sluice::proxy {

ServerView ServerControl::View() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

ServerState ServerControl::state() const {
  absl::MutexLock lock(&mutex_);
  return view_.state;
}

void ServerControl::Show(ServerView view) {
  absl::MutexLock lock(&mutex_);
  takes_reloads_ = view.state == ServerState::kServing;
  std::swap(view_, view);  // what it had goes after the lock
}

void ServerControl::Enter(ServerState state) {
  absl::MutexLock lock(&mutex_);
  view_.state = state;
}

void ServerControl::Reload(Done done) {
  bool waits = false;
  {
    absl::MutexLock lock(&mutex_);
    waits = takes_reloads_ && can_reload_;
    if (waits) reloads_.push_back(done);
  }
  if (waits) return asked_.One();
  done(absl::FailedPreconditionError(can_reload_
                                         ? "the proxy does not serve now: nothing is reloaded"
                                         : "this process has no configuration file to read"));
}

core::Task<bool> ServerControl::AskedToReload() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (!reloads_.empty()) co_return true;
    }
    if (!(co_await asked_.Wait()).ok()) co_return false;
  }
}

std::vector<ServerControl::Done> ServerControl::TakeReloads() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(reloads_, {});
}

void ServerControl::StopReloading() {
  {
    absl::MutexLock lock(&mutex_);
    takes_reloads_ = false;
  }
  for (const Done& done : TakeReloads()) {
    done(absl::UnavailableError("the proxy stops: nothing is reloaded"));
  }
}

}  // namespace sluice::proxy
