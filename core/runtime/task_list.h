// What a runtime that watches its tasks knows of them: RuntimeOptions::watch.tasks.
//
//     Runtime runtime({.watch = {.tasks = true}});
//     ...
//     std::optional<TaskList> list = ListTasks(runtime.handle());   // any thread
//     for (const TaskInfo& task : list->tasks) ...
//
// The caller gets a copy, and no worker stops for that: records of tasks are read without a lock.
// Two locks there are, which a caller holds for as long as it copies a few pointers and numbers:
//
//   of one task       up to kMostSpans of its spans; the task waits if it opens, changes or ends
//                     one just then, and no other does
//   of a 32nd of all  up to Holders::kMostAtOnce mutexes, semaphores and so on with their holders;
//   that can be held  a task waits if it takes or gives back one of these just then
//
// With a TaskQuery (task_query.h) only so many tasks and resources are told: of the others no text
// is made, and they are not kept while the list is made, but for an address of each that waits.
//
// So what a task does meanwhile may be in the copy or not:
//
//   exact          id, parent, name, where it was spawned; each number as it was at some moment
//   may be late    state with its time, worker, what it waits for: by as much as the copy took
//   may not match  two numbers of one task: `polls` may have counted a run whose time is not in
//                  `busy` yet. A task that was spawned or ended meanwhile may be missing.
//
// A run that is under way counts in `polls`; its time is `in_state`, not in `busy` yet. That is how
// a task that blocks its worker is found: it has been `running` for seconds. A task whose code has
// ended is `running` while what it was given is destroyed, unless a JoinHandle keeps that; that
// time is in no `busy`.
//
// Turned on it costs two looks at the clock for each run of a task, one for each wake-up, and about
// 400 bytes for each task that there is at a time (given back when the runtime ends). Turned off,
// one branch for each run.
//
// Threads: any. Checked by: tests/core/runtime/task_list_test.cc,
// tests/core/runtime/task_list_bounds_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_LIST_H_
#define SLUICE_CORE_RUNTIME_TASK_LIST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/runtime/handle.h"

namespace sluice::core {

//           spawned          a worker runs it           it waits
//   ────────────────► READY ──────────────────► RUNNING ─────────► WAITING
//                       ▲ ▲                        │ │                │
//                       │ └── gives way to others ─┘ └──► it is gone  │
//                       └──────────── woken ──────────────────────────┘
enum class TaskState : uint8_t { kReady, kRunning, kWaiting };
inline constexpr std::string_view kTaskStateNames[] = {"ready", "running", "waiting"};

// What woke a task: another one, by its id, or one of these.
inline constexpr uint64_t kWokenByNothing = 0;             // it has not been woken yet
inline constexpr uint64_t kWokenByReactor = UINT64_MAX;    // an operation of the kernel, or a timer
inline constexpr uint64_t kWokenOutside = UINT64_MAX - 1;  // a thread that runs no tasks

struct SpanInfo {
  std::string name = {};
  std::string fields = {};  // a JSON object
  Duration open{};
};

struct TaskInfo {
  uint64_t id = 0;
  uint64_t parent = 0;    // the task that spawned it; 0: none did
  std::string name = {};  // "": it has none
  std::string file = {};  // where it was spawned; of a callable: where that was written
  uint32_t line = 0;
  std::string function = {};
  TaskState state = TaskState::kReady;
  Duration in_state{};  // since when
  Duration age{};
  Duration busy{};          // how long it ran
  Duration queued{};        // how long it was ready and did not run yet
  Duration idle{};          // how long it waited
  Duration longest_poll{};  // of its runs
  uint64_t polls = 0;       // runs
  uint64_t wakes = 0;
  uint64_t woken_by = kWokenByNothing;  // last
  uint32_t worker = 0;                  // that ran it last
  // What it waits for; behind a Join or a Select, what the branches wait for, the first few of
  // them; behind a JoinAll, what the first does that has not ended.
  std::vector<std::string> waits_for = {};
  // The first of these that others may wait for, too; 0: what it waits for is its own.
  uintptr_t resource = 0;
  // The last kMostSpans that are open, in the order in which they were opened.
  static constexpr size_t kMostSpans = 16;
  std::vector<SpanInfo> spans = {};
};

// Something that tasks wait for together, or hold: the address says which.
struct ResourceInfo {
  struct Holder {
    uint64_t task = 0;      // 0: what held it was no watched task
    std::string name = {};  // of the task; "": it has none, or has ended
    size_t count = 0;       // of permits
    Duration held{};
  };
  uintptr_t address = 0;
  std::string kind = {};  // what is awaited there; "": nothing
  std::string name = {};  // that NameResource has given it
  size_t waiting = 0;
  std::vector<Holder> holders = {};  // of a mutex, a read-write lock or a semaphore
};

// How many runs took how long.
struct PollTimes {
  static constexpr size_t kBuckets = 22;
  // The upper end of a bucket: 1 us, 2 us, 4 us and so on; the last one has none.
  static constexpr Duration UpperEnd(size_t bucket) { return 1us * (int64_t{1} << bucket); }
  static size_t BucketOf(Duration poll);

  std::array<uint64_t, kBuckets> counts{};
};

struct TaskList {
  std::vector<TaskInfo> tasks = {};          // in the order that was asked for, else by their ids
  std::vector<ResourceInfo> resources = {};  // those with most waiting first
  size_t tasks_total = 0;                    // that the query is about; further ones are not here
  size_t resources_total = 0;
  PollTimes poll_times = {};
  uint64_t slow_polls = 0;  // longer than WatchOptions::slow_poll
  uint64_t unwatched = 0;   // tasks for which there was no memory
  Duration watched{};       // how long the runtime has been watching
};

struct TaskQuery;

// Nothing: the runtime does not watch its tasks. Without a query: all of them.
std::optional<TaskList> ListTasks(RuntimeHandle runtime);
std::optional<TaskList> ListTasks(RuntimeHandle runtime, const TaskQuery& query);

// `Serve(int)::{lambda}` or `LockAwaiter<Accounts>`: as short as a name of a type can be said.
std::string ShortTypeName(const char* mangled);

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_LIST_H_
