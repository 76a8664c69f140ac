#include "proxy/server/session_actions.h"

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
constexpr core::Duration kLongestShed = 24h;
constexpr core::Duration kShedStep = 20ms;  // of those that are due meanwhile

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
  tasks_.Spawn(EndEach(std::move(ids), over, stop_->token()));
  return count;
}

// The n-th of all when n / all of the time has passed. One that has ended by itself is not replaced
// by another one: it has moved.
core::Task<void> SessionActions::EndEach(std::vector<uint64_t> ids, core::Duration over,
                                         core::CancellationToken stop) {
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
          kShed);
      done = due;
    }
    if (done == ids.size()) break;
    co_await core::Select(core::Sleep(kShedStep), stop.Cancelled());
  }
  events_.Tell({.kind = EventKind::kAdmin}, core::LogLevel::kInfo,
               "shedding has ended: %d sessions were told to end", done);
  absl::MutexLock lock(&mutex_);
  stop_.reset();
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
    if (stop_ != nullptr) stop_->Cancel();
  }
  co_await tasks_.Join();
}

}  // namespace sluice::proxy
