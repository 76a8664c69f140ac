#include "proxy/server/drain.h"

#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

core::Task<void> FinishSessions(const DrainContext& context, core::CancellationSource& drained) {
  co_await context.addresses.AcceptRest(context.end_sessions.token());
  co_await context.sessions.Join();
  drained.Cancel();
}

core::Task<void> EndLateSessions(const DrainContext& context, core::CancellationToken drained) {
  auto outcome = co_await core::Select(core::Named<"timeout">(core::Sleep(context.timeout)),
                                       core::Named<"signal">(context.signals.Next()),
                                       core::Named<"drained">(drained.Cancelled()));
  if (outcome.Won<"drained">()) co_return;
  context.logger.Log(LogLevel::kInfo, "%s: ending %d sessions",
                     outcome.Won<"timeout">() ? "drain timeout" : "second signal",
                     context.connections.count());
  context.end_sessions.Cancel();
  context.end_connected();
}

}  // namespace

// The timeout counts from here, and the second signal is heard from here on: a long queue of
// connections does not delay either.
core::Task<void> Drain(const DrainContext& context) {
  core::CancellationSource drained;
  co_await core::Join(FinishSessions(context, drained), EndLateSessions(context, drained.token()));
}

}  // namespace sluice::proxy
