// The server and the service manager that has started it: what it is told, and the sockets that it
// keeps and gives.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

using core::LogLevel;

namespace {

// For what is told once: without it a manager would end this process, and it may be slow itself.
constexpr core::Duration kPatience = 5s;
// For all sockets together, which are told again.
constexpr core::Duration kPatienceForSockets = 1s;

int64_t Microseconds(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

void Server::set_sockets(std::vector<InheritedSocket> sockets, std::vector<std::string> stored) {
  given_ = std::move(sockets);
  for (std::string& name : stored) store_.Known(std::move(name));
}

// What is told again and again: it does not wait.
void Server::TellServiceManager(std::string_view state) {
  if (manager_.socket.empty()) return;
  const absl::Status told = NotifyServiceManager(manager_.socket, state);
  if (!told.ok()) logger_.Log(LogLevel::kWarn, "%s", told.message());
}

// What is told once. All of it is told in the server's task, and so in its order.
core::Task<void> Server::TellPatiently(std::string state) {
  if (manager_.socket.empty()) co_return;
  const absl::Status told =
      co_await NotifyPatiently(manager_.socket, std::move(state), /*descriptor=*/-1, kPatience);
  if (!told.ok()) logger_.Log(LogLevel::kWarn, "%s", told.message());
}

// Until the end of the time that the manager has been asked for; one that is not the main process
// any more has none, and its own successor waits for it.
core::Task<void> Server::WaitForPredecessor(core::Instant until) {
  if (manager_.socket.empty()) co_return;
  std::optional<core::Duration> most;
  const core::Duration left = until - core::Worker::Current()->clock().Now();
  if (!handed_over_) most = end_sessions_.cancelled() ? 0s : std::max<core::Duration>(left, 0s);
  co_await predecessor_.WaitForEnd(most, stop_signals_, logger_);
}

// So that a service manager does not take the time that sessions have for a process that hangs.
core::Task<void> Server::TellOfDrain() {
  constexpr core::Duration kRest = 10s;  // what an end takes besides
  const conf::Shutdown& shutdown = topology_->config().shutdown;
  const core::Duration longest = shutdown.lame_duck + shutdown.drain_timeout + kRest;
  return TellPatiently(absl::StrCat("STOPPING=1\nEXTEND_TIMEOUT_USEC=", Microseconds(longest)));
}

// READY=1 ends it.
core::Task<void> Server::TellOfReload() {
  const core::Instant now = core::Worker::Current()->clock().Now();
  return TellPatiently(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", Microseconds(now.since_origin())));
}

// Those that are of no use are closed before anything is bound: one of them may have an address in
// another form.
core::Task<void> Server::AdoptGivenSockets() {
  if (!given_.empty()) (void)addresses_.Adopt(given_);
  for (InheritedSocket& each : given_) {
    if (each.fd < 0) continue;
    logger_.Log(LogLevel::kWarn,
                "LISTEN_FDS: no listener has the address %s of a socket that the service manager "
                "gave: it is closed",
                each.socket.address);
    core::CurrentReactor().CloseNow(std::exchange(each.fd, -1));
  }
  given_.clear();
  // A successor is not heard yet: it says so later.
  if (inheritance_ == nullptr && !store_.empty()) co_await StoreListeners(addresses_.HandOver());
}

// Exactly these are stored then; none: it is about to end, and who connects is to be told so. What
// cannot be told within kPatienceForSockets is told the next time.
core::Task<void> Server::StoreListeners(Handover listening) {
  if (manager_.socket.empty()) co_return;
  const core::Instant end = core::Worker::Current()->clock().Now() + kPatienceForSockets;
  bool warned = false;
  const std::vector<ListenerStore::Message> messages = store_.Update(listening);
  for (const ListenerStore::Message& each : messages) {
    const core::Duration left = end - core::Worker::Current()->clock().Now();
    const absl::Status told =
        co_await NotifyPatiently(manager_.socket, each.state, each.descriptor, left);
    if (told.ok()) continue;
    store_.Lost(each);
    if (!std::exchange(warned, true)) logger_.Log(LogLevel::kWarn, "%s", told.message());
  }
}

}  // namespace sluice::proxy
