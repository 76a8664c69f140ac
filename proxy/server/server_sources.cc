// The server and where its endpoints come from (endpoint_sources.h): before it serves, and before
// another topology takes the place of one.
#include <cstring>

#include "core/base/time.h"
#include "core/task/select.h"
#include "proxy/server/server.h"

namespace sluice::proxy {
namespace {

// Sessions would wait for endpoints anyway, for queue_timeout; it is better to know some at once.
constexpr core::Duration kWaitForSources = 2s;

}  // namespace

// Returns false if a signal has asked for an end.
core::Task<bool> Server::AskSources() {
  sources_.Follow(topology_->config(), elsewhere_);
  if (!sources_.has_any()) co_return true;
  auto outcome = co_await core::Select(core::Named<"first">(sources_.UntilFirst(kWaitForSources)),
                                       core::Named<"signal">(stop_signals_.Next()));
  core::IoResult<int> signal = outcome.Get<"signal">();  // it may come just in time
  if (!signal.ok()) co_return outcome.Won<"first">();
  logger_.Log(core::LogLevel::kInfo, "signal SIG%s: stopped before serving", sigabbrev_np(*signal));
  co_return false;
}

// Those of the topology that serves go on meanwhile.
core::Task<void> Server::AskSourcesOf(core::IntrusivePtr<const Topology> next, StopSignal& stop) {
  const conf::Config& config = next->config();
  endpoint_actions_.Announce(next);
  sources_.Add(config, elsewhere_);
  if (!sources_.has_any()) co_return;
  auto outcome = co_await core::Select(core::Named<"first">(sources_.UntilFirst(kWaitForSources)),
                                       core::Named<"signal">(stop_signals_.Next(kDeferChanges)));
  if (core::IoResult<int> signal = outcome.Get<"signal">(); signal.ok()) stop = *signal;
}

void Server::FollowSources() {
  endpoint_actions_.Announce({});
  sources_.Follow(topology_->config(), elsewhere_);
}

}  // namespace sluice::proxy
