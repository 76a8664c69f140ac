#include "core/runtime/task_watch.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <deque>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/sync/holders.h"

namespace sluice::core {
namespace {

// Of all runtimes of the process: what several of them share names its holders by them.
Atomic<uint64_t> last_id{0};

}  // namespace

struct TaskWatch::Slab {
  explicit Slab(TaskWatch& watch) {
    for (size_t i = 0; i < kSlab; ++i) records.emplace_back(watch, watch.shared_);
  }
  std::deque<TaskRecord> records;  // they cannot be moved
  Slab* next = nullptr;            // before it is published
};

size_t PollTimes::BucketOf(Duration poll) {
  const auto micros = static_cast<uint64_t>(std::max<Duration>(poll, 0ns) / 1us);
  return std::min<size_t>(static_cast<size_t>(std::bit_width(micros)), kBuckets - 1);
}

std::string Sentence(const SlowPoll& poll) {
  const std::string_view file(poll.file);
  const std::string_view base = file.substr(file.rfind('/') + 1);
  std::string text = absl::StrFormat("task %d (%s%s%s:%d) kept worker %d for %.1f ms", poll.task,
                                     poll.name, poll.name.empty() ? "" : ", ", base, poll.line,
                                     poll.worker, static_cast<double>(poll.took.count()) / 1e6);
  if (poll.untold > 0) absl::StrAppend(&text, "; ", poll.untold, " other long runs before that");
  return text;
}

void internal::WatchTask(TaskWatch& watch, RootBase& task, const TaskLabel& label) {
  watch.Begin(task, label);
}

TaskWatch::TaskWatch(const WatchOptions& options, Shared& shared, uint32_t workers,
                     const Clock& clock)
    : options_(options), shared_(shared), clock_(clock), began_at_(clock.Now()), times_(workers) {
  Holders::WatchBegins();
}

TaskWatch::~TaskWatch() {
  Holders::WatchEnds();
  Slab* slab = slabs_.load(std::memory_order_relaxed);
  while (slab != nullptr) delete std::exchange(slab, slab->next);
}

TaskRecord* TaskWatch::Take() {
  absl::MutexLock lock(&mutex_);
  if (free_ == nullptr) {
    if (records_ >= options_.most_tasks) return nullptr;
    std::unique_ptr<Slab> slab;
    try {
      slab = std::make_unique<Slab>(*this);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    const size_t more = std::min<size_t>(kSlab, options_.most_tasks - records_);
    for (size_t i = 0; i < more; ++i) {
      slab->records[i].next_free = std::exchange(free_, &slab->records[i]);
    }
    records_ += more;
    slab->next = slabs_.load(std::memory_order_relaxed);
    slabs_.store(slab.release(), std::memory_order_release);
  }
  return std::exchange(free_, free_->next_free);
}

void TaskWatch::Begin(RootBase& task, const TaskLabel& label) {
  TaskRecord* const record = Take();
  if (record == nullptr) {
    unwatched_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const RunWatcher* const parent = RunWatcher::Current();
  record->Begin(last_id.fetch_add(1, std::memory_order_relaxed) + 1, task, label,
                parent == nullptr ? 0 : parent->id(), Now());
}

void TaskWatch::Free(TaskRecord& record) {
  absl::MutexLock lock(&mutex_);
  record.next_free = std::exchange(free_, &record);
}

void TaskWatch::NotePoll(const TaskRecord& record, Duration took, uint32_t worker) {
  Count(times_[worker].counts[PollTimes::BucketOf(took)]);
  if (options_.slow_poll > 0ns && took > options_.slow_poll) TellSlow(record, took);
}

// Its run has been noted; nothing is, of what is destroyed as fast as that should be.
void TaskWatch::NoteEnd(const TaskRecord& record, Duration ended) {
  if (options_.slow_poll <= 0ns) return;
  const Duration took = Now().since_origin() - ended;
  if (took > options_.slow_poll) TellSlow(record, took);
}

// The worker that sets the time tells. Each one is told or counted in slow_untold_, once: with a
// difference of two counters a worker that has been late would tell of fewer than none.
void TaskWatch::TellSlow(const TaskRecord& record, Duration took) {
  slow_polls_.fetch_add(1, std::memory_order_relaxed);
  const int64_t now = Now().since_origin().count();
  int64_t before = slow_told_at_.load(std::memory_order_relaxed);
  if ((before != 0 && now - before < kSlowInterval.count()) ||
      !slow_told_at_.compare_exchange_strong(before, now, std::memory_order_relaxed)) {
    slow_untold_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const uint64_t untold = slow_untold_.exchange(0, std::memory_order_relaxed);
  try {
    SlowPoll poll = record.Describe(took);
    poll.untold = untold;
    if (options_.on_slow_poll) return options_.on_slow_poll(poll);
    std::fprintf(stderr, "%s\n", Sentence(poll).c_str());
  } catch (const std::bad_alloc&) {  // there is no task that it could end
    slow_untold_.fetch_add(untold + 1, std::memory_order_relaxed);
  }
}

void TaskWatch::ForEach(absl::FunctionRef<void(const TaskRecord&)> see) const {
  const Slab* slab = slabs_.load(std::memory_order_acquire);
  for (; slab != nullptr; slab = slab->next) {
    for (const TaskRecord& record : slab->records) see(record);
  }
}

void TaskWatch::NameTasks(std::map<uint64_t, std::string>& names) const {
  names.erase(0);
  if (names.empty()) return;
  ForEach([&names](const TaskRecord& record) {
    const auto found = names.find(record.id());
    if (found != names.end()) found->second = record.NameOf(found->first);
  });
}

PollTimes TaskWatch::poll_times() const {
  PollTimes sum;
  for (const WorkerTimes& each : times_) {
    for (size_t i = 0; i < PollTimes::kBuckets; ++i) {
      sum.counts[i] += each.counts[i].load(std::memory_order_relaxed);
    }
  }
  return sum;
}

}  // namespace sluice::core
