#include "proxy/server/session_actions.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

constexpr EndReason kKilled = {.initiator = Initiator::kAdmin, .cause = EndCause::kKilled};
constexpr EndReason kShed = {.initiator = Initiator::kAdmin, .cause = EndCause::kShed};
constexpr EndReason kDown = {.initiator = Initiator::kProxy, .cause = EndCause::kEndpointDown};
constexpr core::Duration kLongestShed = 24h;
constexpr core::Duration kResetWithin = 900ms;
constexpr core::Duration kStep = 20ms;  // of those that are due meanwhile

// Of `ids` so many by chance, in no order (Fisher and Yates).
std::vector<uint64_t> Some(std::vector<uint64_t> ids, size_t count, uint64_t random) {
  for (size_t i = 0; i < count; ++i) {
    random = core::Mix(random + 1);
    std::swap(ids[i], ids[i + random % (ids.size() - i)]);
  }
  ids.resize(count);
  return ids;
}

}  // namespace

// The calls on sockets are for any thread, whichever worker's reactor they are asked of.
SessionPage SessionActions::List(const SessionQuery& query, RowDetail detail) const {
  core::Worker& worker = runtime_.worker(0);
  const core::Instant now = worker.clock().Now();
  std::vector<SessionRow> rows = registry_.Rows(worker.reactor(), now, detail);
  rates_.Rate(rows, now);
  return Select(std::move(rows), query);
}

absl::Status SessionActions::Kill(uint64_t id, std::string_view who) {
  if (registry_.Kill({id}, kKilled) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no session ", id));
  }
  events_.Tell({.kind = EventKind::kAdmin, .who = who}, core::LogLevel::kInfo,
               "session %d: killed (by %s)", id, who);
  return absl::OkStatus();
}

size_t SessionActions::Kill(const SessionFilter& filter, std::string_view who) {
  std::vector<uint64_t> ids;
  for (const SessionRow& row : List({.filter = filter}).rows) {
    ids.push_back(row.id);
  }
  const size_t killed = registry_.Kill(ids, kKilled);
  events_.Tell({.kind = EventKind::kAdmin, .who = who}, core::LogLevel::kInfo,
               "%d sessions: killed (by %s)", killed, who);
  return killed;
}

absl::StatusOr<size_t> SessionActions::Shed(uint32_t percent, core::Duration over,
                                            std::string_view who) {
  if (percent < 1 || percent > 100) {
    return absl::InvalidArgumentError(absl::StrCat("shed ", percent, " %, allowed: 1 to 100 %"));
  }
  if (over < 0s || over > kLongestShed) {
    return absl::InvalidArgumentError("shed over a time, allowed: 0s to 1d");
  }
  absl::MutexLock lock(&mutex_);
  if (is_closed_) return absl::UnavailableError("the process is ending");
  if (stop_ != nullptr) return absl::FailedPreconditionError("it sheds already; stop that first");
  core::Worker& worker = runtime_.worker(0);
  const core::Instant now = worker.clock().Now();
  std::vector<uint64_t> ids;
  for (const SessionRow& row : registry_.Rows(worker.reactor(), now, RowDetail::kNumbers)) {
    ids.push_back(row.id);
  }
  const size_t count = (ids.size() * percent + 99) / 100;
  events_.Tell({.kind = EventKind::kAdmin, .who = who}, core::LogLevel::kInfo,
               "sheds %d of %d sessions over %g s (by %s)", count, ids.size(),
               std::chrono::duration<double>(over).count(), who);
  ids = Some(std::move(ids), count, static_cast<uint64_t>(now.since_origin().count()));
  stop_ = std::make_unique<core::CancellationSource>();
  tasks_.Spawn(ShedEach(std::move(ids), over, stop_->token()));
  return count;
}

core::Task<void> SessionActions::ShedEach(std::vector<uint64_t> ids, core::Duration over,
                                          core::CancellationToken stop) {
  const size_t done = co_await EndEach(std::move(ids), over, kShed, stop);
  events_.Tell({.kind = EventKind::kAdmin}, core::LogLevel::kInfo,
               "shedding has ended: %d sessions were told to end", done);
  absl::MutexLock lock(&mutex_);
  stop_.reset();
}

// The n-th of all when n / all of the time has passed. One that has ended by itself is not replaced
// by another one: it has moved.
core::Task<size_t> SessionActions::EndEach(std::vector<uint64_t> ids, core::Duration over,
                                           EndReason reason, core::CancellationToken stop) {
  const core::Instant begin = core::Worker::Current()->clock().Now();
  size_t done = 0;
  while (done < ids.size() && !stop.cancelled()) {
    const core::Duration passed = core::Worker::Current()->clock().Now() - begin;
    const double share =
        passed >= over ? 1.0
                       : static_cast<double>(passed.count()) / static_cast<double>(over.count());
    const auto due = static_cast<size_t>(static_cast<double>(ids.size()) * share);
    if (due > done) {
      registry_.Kill(
          {ids.begin() + static_cast<ptrdiff_t>(done), ids.begin() + static_cast<ptrdiff_t>(due)},
          reason);
      done = due;
    }
    if (done == ids.size()) break;
    co_await core::Select(core::Sleep(kStep), stop.Cancelled());
  }
  co_return done;
}

void SessionActions::ResetThoseOf(core::IntrusivePtr<EndpointPool> pool, EndpointRef endpoint) {
  absl::MutexLock lock(&mutex_);
  if (!is_closed_) tasks_.Spawn(ResetEach(std::move(pool), std::move(endpoint)));
}

core::Task<void> SessionActions::ResetEach(core::IntrusivePtr<EndpointPool> pool, EndpointRef of) {
  const EndpointRef endpoint = std::move(of);  // goes before the pool does
  const std::string& upstream = pool->upstream();
  const core::Instant end_at = core::Worker::Current()->clock().Now() + kResetWithin;
  std::vector<uint64_t> ids = registry_.IdsOf(*endpoint);
  const core::Duration each = kResetWithin / static_cast<int64_t>(ids.size() + 1);
  const size_t done =
      co_await EndEach(std::move(ids), kResetWithin - each, kDown, closing_.token());
  const core::Duration left = end_at - core::Worker::Current()->clock().Now();
  co_await core::Select(core::Sleep(std::max<core::Duration>(left, 0s)),
                        closing_.token().Cancelled());
  // Others have connected meanwhile; in a panic it may have them.
  size_t late = 0;
  const bool is_out = (endpoint.get()->out() & Endpoint::kFailedCheck) != 0;
  if (is_out && !endpoint.get()->takes_sessions()) {
    late = registry_.Kill(registry_.IdsOf(*endpoint), kDown);
  }
  if (done + late == 0) co_return;
  events_.Tell(
      {.kind = EventKind::kHealth, .upstream = upstream, .endpoint = endpoint.get()->name()},
      core::LogLevel::kInfo, "upstream %s: endpoint %s is down: %d sessions were reset", upstream,
      endpoint.get()->name(), done + late);
}

void SessionActions::StopShedding(std::string_view who) {
  absl::MutexLock lock(&mutex_);
  if (stop_ == nullptr) return;
  events_.Tell({.kind = EventKind::kAdmin, .who = who}, core::LogLevel::kInfo,
               "shedding is stopped (by %s)", who);
  stop_->Cancel();
}

core::Task<void> SessionActions::Close() {
  {
    absl::MutexLock lock(&mutex_);
    is_closed_ = true;
    closing_.Cancel();
    if (stop_ != nullptr) stop_->Cancel();
  }
  co_await tasks_.Join();
}

}  // namespace sluice::proxy
