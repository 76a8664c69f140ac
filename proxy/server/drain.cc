#include "proxy/server/drain.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/sched/worker.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/spread.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

core::Task<void> FinishSessions(const DrainContext& context, core::CancellationSource& drained) {
  co_await context.addresses.AcceptRest(context.end_sessions.token());
  co_await context.sessions.Join();
  drained.Cancel();
}

void EndSessions(const DrainContext& context, const char* why) {
  context.events.Tell({EventKind::kDrain}, LogLevel::kInfo, "%s: ending %d sessions", why,
                      context.connections.count());
  context.end_sessions.Cancel();
  context.end_connected();
}

core::Task<void> EndLateSessions(const DrainContext& context, core::CancellationToken drained) {
  if (context.hurries) {
    EndSessions(context, "second signal");
    co_return;
  }
  auto outcome = co_await core::Select(core::Named<"timeout">(core::Sleep(context.timeout)),
                                       core::Named<"signal">(context.signals.Next(kNoChangeAtEnd)),
                                       core::Named<"drained">(drained.Cancelled()));
  if (outcome.Won<"drained">()) co_return;
  EndSessions(context, outcome.Won<"timeout">() ? "drain timeout" : "second signal");
}

// The most idle ones of those that are left, as many as are due.
void EndSome(SessionRegistry& registry, core::SocketApi& sockets, core::Instant now,
             Spread& spread) {
  std::vector<SessionRow> rows = registry.Rows(sockets, now, RowDetail::kNumbers);
  const size_t due = spread.Due(rows.size(), now);
  if (due == 0) return;
  std::ranges::nth_element(rows, rows.begin() + static_cast<ptrdiff_t>(due - 1),
                           std::ranges::greater(), &SessionRow::idle);
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < due; ++i) ids.push_back(rows[i].id);
  registry.Kill(ids, {.initiator = Initiator::kProxy, .cause = EndCause::kShutdown});
}

core::Task<void> EndSpread(const DrainContext& context, core::CancellationToken drained) {
  if (context.window == 0s || context.hurries) co_return;
  const core::Clock& clock = core::Worker::Current()->clock();
  Spread spread(clock.Now(), context.window,
                static_cast<uint64_t>(clock.Now().since_origin().count()));
  // Also behind the window: one that has begun meanwhile, or was on its way, is due at once.
  while (true) {
    auto outcome = co_await core::Select(core::Named<"pause">(core::Sleep(spread.NextPause())),
                                         core::Named<"drained">(drained.Cancelled()));
    if (outcome.Won<"drained">() || context.end_sessions.cancelled()) co_return;
    const auto end_some = [&registry = context.registry, &spread, now = clock.Now(),
                           &sockets = core::CurrentReactor()] {
      EndSome(registry, sockets, now, spread);
    };
    if (!(co_await context.elsewhere(end_some)).ok()) end_some();
  }
}

}  // namespace

// The timeout counts from here, and the second signal is heard from here on: a long queue of
// connections does not delay either.
core::Task<void> Drain(const DrainContext& context) {
  core::CancellationSource drained;
  co_await core::Join(FinishSessions(context, drained), EndLateSessions(context, drained.token()),
                      EndSpread(context, drained.token()));
}

}  // namespace sluice::proxy
