#include "core/runtime/task_record.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/base/counter.h"
#include "core/runtime/task_watch.h"
#include "core/sched/worker.h"
#include "core/task/cancel_scope.h"

namespace sluice::core {
namespace {

uint64_t WordOf(const char* text) { return reinterpret_cast<uintptr_t>(text); }
std::string_view TextOf(uint64_t word) {  // 0: of no task
  if (word == 0) return "";
  return reinterpret_cast<const char*>(static_cast<uintptr_t>(word));
}

std::string NameIn(const uint64_t* words) {
  char name[TaskLabel::kMostOfName];
  std::memcpy(name, words, sizeof(name));
  return {name, strnlen(name, sizeof(name))};
}

struct SpawnedAt {
  std::string_view file;
  uint32_t line;
  std::string_view function;
};

// Of a callable there is the name of LabelOf, by Clang "… LabelOf() [F = (lambda at FILE:LINE:…)]".
SpawnedAt WhereSpawned(std::string_view file, uint32_t line, std::string_view function) {
  constexpr std::string_view kCallable = "LabelOf() [F = ";
  constexpr std::string_view kLambda = "(lambda at ";
  const size_t found = function.find(kCallable);
  if (found == std::string_view::npos) return {file, line, function};
  function.remove_prefix(found + kCallable.size());
  function = function.substr(0, function.rfind(']'));
  const size_t lambda = function.find(kLambda);
  if (lambda == std::string_view::npos) return {"", 0, function};
  const std::string_view place = function.substr(lambda + kLambda.size());
  const size_t colon = place.find(':');
  if (colon == std::string_view::npos) return {place, 0, function};
  uint32_t number = 0;
  std::from_chars(place.data() + colon + 1, place.data() + place.size(), number);
  return {place.substr(0, colon), number, function};
}

// What a task waits for: the leaves of the tree of its scopes, the first few of them.
struct Leaves {
  std::array<const std::type_info*, 4> types{};
  size_t count = 0;
  const void* resource = nullptr;  // of the first that has one
  const std::type_info* resource_kind = nullptr;

  void Add(const Waiter& waiter) {
    types[count++] = &typeid(waiter);
    if (resource != nullptr) return;
    resource = waiter.Resource();
    if (resource != nullptr) resource_kind = &typeid(waiter);
  }
  // Those of `scope` and its row.
  void Collect(const CancelScope* scope, int depth) {
    constexpr int kDeepest = 8;
    for (; scope != nullptr && count < types.size(); ++scope) {
      if (const Waiter* const waiter = scope->pending()) {
        if (waiter->Below() != nullptr && depth < kDeepest) {
          Collect(waiter->Below(), depth + 1);
        } else {
          Add(*waiter);
        }
      }
      if (scope->place() != CancelScope::Place::kInRow) return;
    }
  }
};

}  // namespace

void TaskRecord::Begin(uint64_t id, RootBase& task, const TaskLabel& label, uint64_t parent,
                       Instant now) {
  behind_ = &task.scheduler();
  task_ = &task;
  LifeWords<kWords>::Words words{};
  std::memcpy(words.data(), label.name.data(), std::min(label.name.size(), label.kMostOfName));
  words[kFile] = WordOf(label.where.file_name());
  words[kFunction] = WordOf(label.where.function_name());
  words[kLine] = label.where.line();
  words[kParent] = parent;
  words[kBeganAt] = static_cast<uint64_t>(now.since_origin().count());
  life_.Begin(id, words, [this, now] {
    SetState(TaskState::kReady, now);
    for (Atomic<uint64_t>* each :
         {&polls_, &busy_ns_, &queued_ns_, &longest_ns_, &wakes_, &woken_by_}) {
      each->store(0, kRelaxed);
    }
    worker_.store(0, kRelaxed);
    for (Atomic<const std::type_info*>& each : waits_for_) each.store(nullptr, kRelaxed);
    resource_.store(nullptr, kRelaxed);
    resource_kind_.store(nullptr, kRelaxed);
  });
  task.LaunchWatched(*this);
}

void TaskRecord::Release() {
  if (last_span_.load(kRelaxed) != nullptr) CloseSpans();  // opened while that was destroyed
  if (polls_.load(kRelaxed) != 0) watch_.NoteEnd(*this, since());  // else it has not begun
  life_.End();
  watch_.Free(*this);
}

void TaskRecord::RunBegins() {
  life_.BeforeWrites();
  const Instant now = watch_.Now();
  Count(queued_ns_, static_cast<uint64_t>((now.since_origin() - since()).count()));
  Count(polls_);
  // None where a runtime that has ended drops what has not begun.
  if (const Worker* const worker = Worker::Current()) worker_.store(worker->index(), kRelaxed);
  SetState(TaskState::kRunning, now);
}

// Returns when that was.
Instant TaskRecord::EndRun() {
  const Instant now = watch_.Now();
  const Duration took = now.since_origin() - since();
  const auto nanos = static_cast<uint64_t>(took.count());
  Count(busy_ns_, nanos);
  if (nanos > longest_ns_.load(kRelaxed)) longest_ns_.store(nanos, kRelaxed);
  watch_.NotePoll(*this, took, worker_.load(kRelaxed));
  return now;
}

void TaskRecord::Suspends() {
  const Instant now = EndRun();
  life_.BeforeWrites();  // who reads of two waits sees that the state has changed
  NoteWaits();
  SetState(TaskState::kWaiting, now);
}

void TaskRecord::GoesOn() {
  Count(polls_);
  SetState(TaskState::kRunning, watch_.Now());
}

void TaskRecord::GivesWay() { SetState(TaskState::kReady, EndRun()); }

// What it was given is destroyed next, and that may take long.
void TaskRecord::Ends() {
  if (last_span_.load(kRelaxed) != nullptr) CloseSpans();
  SetState(TaskState::kRunning, EndRun());
}

void TaskRecord::NoteWaits() {
  Leaves leaves;
  if (const Waiter* const waiter = task_->waits_for()) {
    leaves.Add(*waiter);
    if (waiter->Below() != nullptr) leaves.Collect(waiter->Below(), 0);
  }
  for (size_t i = 0; i < leaves.types.size(); ++i) waits_for_[i].store(leaves.types[i], kRelaxed);
  resource_.store(leaves.resource, kRelaxed);
  resource_kind_.store(leaves.resource_kind, kRelaxed);
}

// After it has been handed on the task may run, and the record may be another task's.
void TaskRecord::Schedule(Runnable& task) {
  Scheduler& behind = *behind_;
  life_.BeforeWrites();
  if (state() == TaskState::kWaiting) {  // else it has given way
    uint64_t by = kWokenOutside;
    if (const RunWatcher* const waker = RunWatcher::Current()) {
      by = waker->id();
    } else if (const Worker* const worker = Worker::Current()) {
      // Or by a task that is not watched.
      if (worker->running() == nullptr) by = kWokenByReactor;
    }
    Count(wakes_);
    woken_by_.store(by, kRelaxed);
    SetState(TaskState::kReady, watch_.Now());
  }
  behind.Schedule(task);
}

std::optional<TaskRecord::Copy> TaskRecord::Read(Instant now) const {
  LifeWords<kWords>::Words words{};
  const uint64_t id = life_.Look(words);
  if (id == 0) return std::nullopt;
  Copy copy;
  TaskInfo& info = copy.info;
  const uint64_t state = state_.load(std::memory_order_acquire);  // and what it waits for
  const auto nanos = [](const Atomic<uint64_t>& from) {
    return Duration(static_cast<int64_t>(from.load(kRelaxed)));
  };
  info.busy = nanos(busy_ns_);
  info.queued = nanos(queued_ns_);
  info.longest_poll = nanos(longest_ns_);
  info.polls = polls_.load(kRelaxed);
  info.wakes = wakes_.load(kRelaxed);
  info.woken_by = woken_by_.load(kRelaxed);
  info.worker = worker_.load(kRelaxed);
  // What it waited for last stays there while it runs.
  if (static_cast<TaskState>(state & 3) == TaskState::kWaiting) {
    for (size_t i = 0; i < waits_for_.size(); ++i) copy.waits_for[i] = waits_for_[i].load(kRelaxed);
    info.resource = reinterpret_cast<uintptr_t>(resource_.load(kRelaxed));
    copy.resource_kind = resource_kind_.load(kRelaxed);
  }
  if (!life_.IsStill(id)) return std::nullopt;
  if (state_.load(kRelaxed) != state) {  // they may be of two waits
    copy.waits_for = {};
    info.resource = 0;
  }
  info.id = id;
  info.state = static_cast<TaskState>(state & 3);
  copy.record = this;
  std::memcpy(copy.name_bytes.data(), words.data(), copy.name_bytes.size());
  const SpawnedAt at_line = WhereSpawned(TextOf(words[kFile]), static_cast<uint32_t>(words[kLine]),
                                         TextOf(words[kFunction]));
  copy.file = at_line.file;
  copy.function = at_line.function;
  info.line = at_line.line;
  info.parent = words[kParent];
  // A task may begin, or change its state, after `now` was looked at; it is no younger than what it
  // has used.
  const Duration at = now.since_origin();
  const auto until_now = [at](uint64_t since) {
    return std::max<Duration>(at - Duration(static_cast<int64_t>(since)), Duration::zero());
  };
  info.in_state = until_now(state >> 2);
  info.age = until_now(words[kBeganAt]);
  Duration used = info.busy + info.queued;
  if (info.state != TaskState::kWaiting) used += info.in_state;
  info.age = std::max(info.age, used);
  info.idle = info.age - used;
  return copy;
}

std::string TaskRecord::NameOf(uint64_t task) const {
  LifeWords<kWords>::Words words{};
  if (life_.Look(words) != task || !life_.IsStill(task)) return "";
  return NameIn(words.data());
}

SlowPoll TaskRecord::Describe(Duration took) const {
  LifeWords<kWords>::Words words{};
  SlowPoll poll = {.task = life_.Look(words), .worker = worker_.load(kRelaxed), .took = took};
  poll.name = NameIn(words.data());
  const SpawnedAt at_line = WhereSpawned(TextOf(words[kFile]), static_cast<uint32_t>(words[kLine]),
                                         TextOf(words[kFunction]));
  poll.file = at_line.file;
  poll.line = at_line.line;
  return poll;
}

}  // namespace sluice::core
