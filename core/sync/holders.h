// Holders: which task holds which mutex, read-write lock or semaphore; kept only while a runtime of
// the process watches its tasks (core/runtime/task_list.h). Else each lock pays one branch for it.
//
//     core::NameResource(&accounts, "accounts");      // how ListTasks calls it; optional
//
// A permit does not know who took it. So one that is given back is taken from the task that gives
// it back, if that holds one there, else from the one that has held one longest:
//
//   exact       for a mutex, and where a permit goes in the task that took it
//   a guess     which of several holders has given back, where permits go in other tasks
//   not known   what was taken before the runtime began to watch
//
// Of each resource the kMostHolders that took first are kept, and kMostOfName bytes of its name.
// All of it goes when no runtime watches any more.
//
//   shards_ ──► 32 maps by address, each under a lock that those take who take or give back one of
//               these resources; Next copies kMostAtOnce of them under it, into memory that it has
//               before: so long and no longer others wait
//
// Threads: any. Checked by: tests/core/sync/holders_test.cc.
#ifndef SLUICE_CORE_SYNC_HOLDERS_H_
#define SLUICE_CORE_SYNC_HOLDERS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/task/run_watcher.h"
#include "core/task/runnable.h"

namespace sluice::core {

class Holders {
 public:
  static constexpr size_t kMostHolders = 32;
  static constexpr size_t kMostAtOnce = 16;
  static constexpr size_t kMostOfName = 64;

  // Whether the others are to be called.
  static bool IsOn() { return RunWatcher::Any(); }
  // A runtime watches its tasks from now on, or does no more.
  static void WatchBegins();
  static void WatchEnds();

  // By the running task, or a thread without one.
  static void Taken(const void* resource, size_t count);
  // By a task that waited.
  static void TakenBy(const Runnable& task, const void* resource, size_t count);
  // Before they can be taken again; or they never can.
  static void GivenBack(const void* resource, size_t count);
  // It is no more.
  static void Forget(const void* resource);

  struct Holder {
    uint64_t task = 0;  // 0: none that is watched
    size_t count = 0;
    std::chrono::steady_clock::time_point since;
  };
  struct Resource {
    const void* address = nullptr;
    std::string name;
    std::vector<Holder> holders;  // the first to take first
  };
  // Where a reader of all has come to.
  struct Place {
    size_t shard = 0;
    const void* last = nullptr;
  };
  // Of all that are held or have a name the next ones behind `place`, at most kMostAtOnce. False:
  // there are no more. One that is there all the time is found once.
  static bool Next(Place& place, std::vector<Resource>& some);
  static std::vector<Resource> All();
};

// `address`: of a Mutex, an RwLock, a Semaphore. Does nothing unless a runtime watches its tasks. A
// name goes with what it names.
void NameResource(const void* address, std::string_view name);

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_HOLDERS_H_
