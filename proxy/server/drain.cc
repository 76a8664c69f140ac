#include "proxy/server/drain.h"

#include "core/task/join.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

core::Task<void> UntilCancelled(core::CancellationToken token) { (void)co_await token.Cancelled(); }
core::Task<bool> SleepFor(core::Nanos duration) { co_return co_await core::Sleep(duration); }

core::Task<void> FinishSessions(const DrainContext& context, core::CancellationSource& drained) {
  co_await context.addresses.AcceptRest(context.end_sessions.token());
  co_await context.sessions.Join();
  drained.Cancel();
}

core::Task<void> EndLateSessions(const DrainContext& context, core::CancellationToken drained) {
  auto outcome = co_await core::Select(SleepFor(context.timeout), context.signals.Next(),
                                       UntilCancelled(drained));
  if (outcome.first == 2) co_return;
  context.logger.Log(LogLevel::kInfo, "%s: ending %d sessions",
                     outcome.first == 0 ? "drain timeout" : "second signal",
                     context.connections.count());
  context.end_sessions.Cancel();
}

}  // namespace

// The timeout counts from here, and the second signal is heard from here on: a long queue of
// connections does not delay either.
core::Task<void> Drain(const DrainContext& context) {
  core::CancellationSource drained;
  co_await core::Join(FinishSessions(context, drained), EndLateSessions(context, drained.token()));
}

}  // namespace sluice::proxy
