// The server in an upgrade: as the one that hands over (upgrade.h), or takes over (inheritance.h).
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

using core::LogLevel;

namespace {

constexpr core::Duration kWaitForState = 2s;
constexpr core::Duration kWaitForAdmin = 5s;  // it waits for a disk itself, and gives up before

}  // namespace

// Returns SIGUSR2, or the signal that has asked for an end meanwhile.
core::Task<core::IoResult<int>> Server::UpgradeBinary() {
  constexpr ChangeSignals kRejectAll{
      .reload = OnChange::kReject, .upgrade = OnChange::kReject, .why = "an upgrade is under way"};
  events_.Tell({EventKind::kUpgrade}, LogLevel::kInfo, "%s: starting a successor", why_change_);
  control_.set_is_upgrading(true);
  const std::vector<ServerControl::Done> asked = control_.Take(Change::kUpgrade);
  absl::Status result = absl::UnavailableError("the proxy stops: nothing is upgraded");
  const absl::Cleanup tell = [&] {
    control_.set_is_upgrading(false);
    for (const ServerControl::Done& done : asked) done(result);
  };
  co_await retired_.Finish();
  auto outcome = co_await core::Select(core::Named<"handed over">(HandOver()),
                                       core::Named<"signal">(stop_signals_.Next(kRejectAll)));
  const absl::Status status = outcome.Get<"handed over">();
  if (status.ok()) {
    handed_over_ = true;
    result = status;
    co_await watchdog_.Stop();
    events_.Tell({EventKind::kUpgrade}, LogLevel::kInfo,
                 "upgrade: process %d serves now, and this one ends", upgrade_->successor());
    co_return SIGUSR2;
  }
  if (core::IoResult<int> signal = outcome.Get<"signal">(); signal.ok()) co_return signal;
  result = status;
  events_.Tell({EventKind::kUpgrade}, LogLevel::kError, "upgrade: %s; this process serves on",
               status.message());
  co_return SIGUSR2;
}

core::Task<absl::Status> Server::HandOver() {
  const absl::StatusOr<std::vector<bool>> serves =
      co_await upgrade_->Offer(addresses_.HandOver(), topology_->config().upgrade.timeout);
  if (!serves.ok()) co_return serves.status();
  // This may wait for a disk, so clients are served meanwhile. From then on no administrator
  // changes anything here.
  if (const absl::Status closed = co_await CloseAdmin(); !closed.ok()) {
    co_await upgrade_->Withdraw();
    co_await OpenAdmin();
    co_return closed;
  }
  // To the last completion: from here on what arrives stays in the queues, and a wake-up that went
  // to this process makes no difference, because the successor begins by looking into them.
  addresses_.Stop();
  topology_->EndTerm();
  co_await addresses_.Join();
  absl::Status status = co_await upgrade_->Commit();
  if (status.ok()) {
    addresses_.LeaveTo(*serves);
  } else {
    AcceptAgain();
    co_await OpenAdmin();
  }
  co_return status;
}

// Also when the scope is cancelled: then it opens by itself.
core::Task<void> Server::OpenAdmin() {
  if (!want_admin_) co_return;
  want_admin_(true);
  const absl::Status opened = co_await FollowAdmin();
  if (opened.ok() || absl::IsCancelled(opened)) co_return;
  logger_.Log(LogLevel::kError, "%s; serving without it so far", opened.message());
}

// With an error, also CANCELLED, it may close all the same: OpenAdmin has the last word.
core::Task<absl::Status> Server::CloseAdmin() {
  if (!want_admin_) co_return absl::OkStatus();
  want_admin_(false);
  co_return co_await FollowAdmin();
}

core::Task<absl::Status> Server::FollowAdmin() {
  const auto followed = std::make_shared<absl::Status>();
  auto outcome = co_await core::Select(
      core::Named<"followed">(
          elsewhere_([followed, follow = follow_admin_] { *followed = follow(); })),
      core::Named<"late">(core::Sleep(kWaitForAdmin)));
  const absl::Status ran = outcome.Get<"followed">();
  if (ran.ok()) co_return *followed;
  if (outcome.Won<"late">() && outcome.Get<"late">()) {
    co_return absl::DeadlineExceededError("the admin endpoint does not answer for 5 s");
  }
  co_return ran;
}

// The term of the listeners has ended: others like them take their place. What waits for a restart
// still does.
void Server::AcceptAgain() {
  addresses_.Resume();
  NextTopology next = MakeNextTopology(topology_->config(), addresses_.options(), SourcesOfNext());
  next.kept = control_.View().pending;
  PutInForce(std::move(next));
}

void Server::AdoptSockets() {
  const size_t adopted = addresses_.Adopt(inheritance_->sockets());
  events_.Tell({EventKind::kUpgrade}, LogLevel::kInfo,
               "upgrade: %d of %d listening sockets are taken over", adopted,
               inheritance_->sockets().size());
  for (const InheritedSocket& each : inheritance_->sockets()) {
    if (each.fd >= 0) store_.Known(StoredName(each.socket.address));  // by the predecessor
  }
  kept_settings_ = addresses_.kept_options().size();
  if (kept_settings_ == 0) return;
  logger_.Log(LogLevel::kWarn, "settings that keep their value until a restart: %s",
              absl::StrJoin(addresses_.kept_options(), ", "));
}

// Returns false when the server is to end: the predecessor serves on, or a signal asks for it.
core::Task<bool> Server::TakeOver() {
  auto outcome = co_await core::Select(core::Named<"commit">(inheritance_->WaitForCommit()),
                                       core::Named<"signal">(stop_signals_.Next()));
  const absl::Status status = outcome.Get<"commit">();
  if (core::IoResult<int> signal = outcome.Get<"signal">(); signal.ok()) {
    logger_.Log(LogLevel::kInfo, "signal SIG%s: stopped before serving", sigabbrev_np(*signal));
    co_return false;
  }
  status_ = status;
  co_return status_.ok();
}

// The process before serves no more, so a disk that does not answer is not waited for.
core::Task<void> Server::AdoptState() {
  auto outcome = co_await core::Select(core::Named<"adopted">(RunOnThread(adopt_state_)),
                                       core::Named<"late">(core::Sleep(kWaitForState)));
  if (outcome.Won<"late">()) {
    logger_.Log(LogLevel::kError,
                "admin.state_file cannot be read so far; serving without it, and rejecting what "
                "administrators change, until it is");
  } else if (!outcome.Get<"adopted">().ok()) {
    adopt_state_();  // no thread is left: it waits here
  }
}

core::Task<void> Server::BeginToServe() {
  if (inheritance_ != nullptr && adopt_state_) co_await AdoptState();
  sources_.set_serves();
  addresses_.Serve(*topology_);
  health_monitors_.Follow(topology_->upstreams());
  StartReporting();
  co_await interim_records_.Follow(topology_->config().access_log.interim);
  if (next_config_) control_.set_can(Change::kReload);
  if (upgrade_ != nullptr) control_.set_can(Change::kUpgrade);
  events_.Keep({EventKind::kServer}, LogLevel::kInfo, "the proxy serves");
  ShowServing(addresses_.kept_options());
  if (manager_.watchdog > 0s) watchdog_.Start(manager_.watchdog);
  if (inheritance_ == nullptr) {
    addresses_.OwnFiles();  // also those that came with sockets of a process before
    co_await TellPatiently("READY=1");
    co_await StoreListeners(addresses_.HandOver());
    co_return;
  }
  // That another process is the main one now is the predecessor's to tell: this one is not heard.
  const absl::Status told = co_await inheritance_->TellServing();
  addresses_.OwnFiles();
  if (!told.ok()) logger_.Log(LogLevel::kWarn, "%s", told.message());
  co_await OpenAdmin();
  if (!manager_.socket.empty()) {
    co_await inheritance_->WaitForFarewell();
    co_await StoreListeners(addresses_.HandOver());
  }
  inheritance_->Close();
  inheritance_.reset();
}

}  // namespace sluice::proxy
