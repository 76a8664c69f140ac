#include "core/runtime/task_registry.h"

#include "core/runtime/root.h"
#include "core/sched/worker.h"

namespace sluice::core {

bool TaskRegistry::Add(RootBase& root) {
  const Worker* worker = Worker::Current();
  if (worker != nullptr) root.list_ = static_cast<uint8_t>(worker->index());
  List& list = lists_[root.list_];
  ThreadMutexLock lock(&list.mutex);
  root.listed_ = true;
  root.set_previous(nullptr);
  root.set_next(list.first);
  if (list.first != nullptr) list.first->set_previous(&root);
  list.first = &root;
  return !closed();
}

void TaskRegistry::Remove(RootBase& root) {
  List& list = lists_[root.list_];
  ThreadMutexLock lock(&list.mutex);
  RootBase* const next = root.next_listed();
  RootBase* const previous = root.previous_listed();
  if (next != nullptr) next->set_previous(previous);
  if (previous != nullptr) {
    previous->set_next(next);
  } else {
    list.first = next;
  }
  root.listed_ = false;
}

// A task that is aborted under the lock is posted to, and runs only later.
void TaskRegistry::CancelAll() {
  closed_.store(true, std::memory_order_release);
  for (List& list : lists_) {
    ThreadMutexLock lock(&list.mutex);
    for (RootBase* root = list.first; root != nullptr; root = root->next_listed()) root->Abort();
  }
}

void TaskRegistry::ForEach(absl::FunctionRef<void(const RootBase&)> look) {
  for (List& list : lists_) {
    ThreadMutexLock lock(&list.mutex);
    for (const RootBase* root = list.first; root != nullptr; root = root->next_listed())
      look(*root);
  }
}

}  // namespace sluice::core
