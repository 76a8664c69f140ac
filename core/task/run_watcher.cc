#include "core/task/run_watcher.h"

#include <utility>

namespace sluice::core {
namespace {

thread_local RunWatcher* current = nullptr;

}  // namespace

[[gnu::noinline]] RunWatcher* RunWatcher::Current() { return current; }

[[gnu::noinline]] RunWatcher* RunWatcher::SetCurrent(RunWatcher* watcher) {
  return std::exchange(current, watcher);
}

}  // namespace sluice::core
