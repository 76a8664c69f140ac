#include "proxy/server/server_control.h"

#include <utility>

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
  takes_changes_ = view.state == ServerState::kServing;
  std::swap(view_, view);  // what it had goes after the lock
}

void ServerControl::Enter(ServerState state) {
  absl::MutexLock lock(&mutex_);
  view_.state = state;
}

void ServerControl::Ask(Change change, Done done) {
  std::string_view why;
  {
    absl::MutexLock lock(&mutex_);
    if (!Of(can_, change)) {
      why = change == Change::kReload ? "this process has no configuration file to read"
                                      : "this process has no configuration file: it has no upgrade";
    } else if (!takes_changes_) {
      why = change == Change::kReload ? "the proxy does not serve now: nothing is reloaded"
                                      : "the proxy does not serve now: nothing is upgraded";
    } else if (change == Change::kUpgrade && is_upgrading_) {
      why = "an upgrade is under way already";
    } else {
      Of(asked_for_, change).push_back(std::move(done));
      is_upgrading_ = is_upgrading_ || change == Change::kUpgrade;
    }
  }
  if (why.empty()) return asked_.One();
  done(absl::FailedPreconditionError({why.data(), why.size()}));
}

core::Task<std::optional<Change>> ServerControl::Asked() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      for (const Change change : {Change::kReload, Change::kUpgrade}) {
        if (!Of(asked_for_, change).empty()) co_return change;
      }
    }
    if (!(co_await asked_.Wait()).ok()) co_return std::nullopt;
  }
}

std::vector<ServerControl::Done> ServerControl::Take(Change change) {
  absl::MutexLock lock(&mutex_);
  return std::exchange(Of(asked_for_, change), {});
}

void ServerControl::set_is_upgrading(bool is_upgrading) {
  absl::MutexLock lock(&mutex_);
  is_upgrading_ = is_upgrading;
}

void ServerControl::StopChanging() {
  {
    absl::MutexLock lock(&mutex_);
    takes_changes_ = false;
  }
  for (const Done& done : Take(Change::kReload)) {
    done(absl::UnavailableError("the proxy stops: nothing is reloaded"));
  }
  for (const Done& done : Take(Change::kUpgrade)) {
    done(absl::UnavailableError("the proxy stops: nothing is upgraded"));
  }
}

}  // namespace sluice::proxy
