// ThreadHeap: what the memory allocator keeps for a thread although it is not in use.
//
// An allocator gives memory back to the kernel now and then while it is called for more than a
// thread's cache has. A worker that sleeps, or only relays, hardly calls it, and would keep for
// ever what a burst of connections has left: so a worker asks for it.
//
// Threads: the one that it was made on.
#ifndef SLUICE_CORE_SCHED_THREAD_HEAP_H_
#define SLUICE_CORE_SCHED_THREAD_HEAP_H_

#include <functional>
#include <memory>

namespace sluice::core {

class ThreadHeap {
 public:
  virtual ~ThreadHeap() = default;

  // Whether so much has been freed since the last trim that it would pay. Cheap.
  virtual bool TrimPays() const = 0;

  // Called now and then while it pays: gives the memory back unless the thread is using it.
  virtual void Trim() = 0;
};

using ThreadHeapFactory = std::function<std::unique_ptr<ThreadHeap>()>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_THREAD_HEAP_H_
