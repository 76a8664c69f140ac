// TaskCell<T>: the control block of a task whose body is a Task<T>, which it owns.
//
//   TaskCell ── task_ ──► frame of the coroutine, with its result until the handle takes it
//       ▲                       │
//       └── its end is told ────┘    (Successor::SetBodyOf)
//
// It is no coroutine: a root that awaits the task would have a frame, its own pointers and a second
// resumption, for nothing. Few tasks have an observer of their end, and only their cells have words
// for it: an Observer is a base of the cell, so what a JoinSet keeps of a task lies there, too.
// Threads: as RootBase (root.h).
// Checked by: tests/core/runtime/spawn_test.cc, tests/core/runtime/abort_test.cc,
// tests/core/runtime/task_memory_test.cc, tests/model.
#ifndef SLUICE_CORE_RUNTIME_TASK_CELL_H_
#define SLUICE_CORE_RUNTIME_TASK_CELL_H_

#include <cstddef>
#include <exception>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/root.h"
#include "core/task/frame_cache.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core {

class NoEndObserver {
 protected:
  static TaskEndObserver* observer() { return nullptr; }
};

// One that lies elsewhere, and outlives the task.
class OtherEndObserver {
 protected:
  explicit OtherEndObserver(TaskEndObserver& observer) : observer_(observer) {}
  TaskEndObserver* observer() { return &observer_; }

 private:
  TaskEndObserver& observer_;
};

template <typename T, typename Observer = NoEndObserver>
class TaskCell final : public Joinable<T>, public Observer {
 public:
  template <typename... Arguments>
  explicit TaskCell(Task<T> task, Arguments&... of_observer)
      : Observer(of_observer...), task_(std::move(task)) {
    SLUICE_CHECK_USE(!task_.empty(), "what is spawned has been moved from, or spawned before");
  }

  static void* operator new(size_t size) { return FrameCache::Allocate(size); }
  static void operator delete(void* cell, size_t size) { FrameCache::Free(cell, size); }

  Outcome<T> TakeOutcome() override {
    if (this->never_begun()) return Outcome<T>::OfCancellation();
    if (std::exception_ptr thrown = task_.TakeException()) {
      return Outcome<T>::OfException(std::move(thrown));
    }
    return Outcome<T>(task_.TakeValue());
  }

 private:
  void Begin() override { task_.StartAsBody(*this, this->own_scope()); }
  void Destroy() override {
    if (std::exception_ptr thrown = task_.TakeException()) [[unlikely]]
      this->Lose(std::move(thrown));
    delete this;
  }
  TaskEndObserver* end_observer() override { return Observer::observer(); }

  Task<T> task_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_CELL_H_
