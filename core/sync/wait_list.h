// WaitList: tasks that wait for something which one lock guards. It is under everything that one
// task hands to another: slots, notices, values.
//
// The lock is the owner's, and it guards the list together with what the owner hands out. So
// whether a waiter is granted something or gives up is settled in one place, exactly once:
//
//              Push or InsertBefore            Pop or Remove by the owner, which writes into the
//              by the owner                    entry what it gets
//       OUT ────────────────────► WAITING ───────────────────────────────────► GRANTED ──┐
//        ▲                           │                                                   │ Post
//        │                           │ Cancel: its scope is cancelled                    ├──────┐
//        │                           └────────────────────────────────────► GIVEN UP ────┘      │
//        └──────────────────────────────────────────── OnReady, in the task ────────────────────┘
//
//   WaitEntry    one that waits: knows its task, leaves the list when its scope is cancelled
//   WaitAwaiter  an entry that a coroutine is suspended on
//   WaitList<T>  the entries of one owner: first in, first out, unless the owner chooses
//   Woken        entries that have been taken out under the lock and are posted after it
//
// How something that waits is written (tests/core/support/slots.h is a whole one):
//
//   its awaiter, a WaitAwaiter
//       await_suspend(handle)    return Suspend(handle, [this] { return gate_.Queue(*this); });
//       await_resume()           Resumed(); return granted_;
//   the gate
//       Queue(waiter)            under the lock: is it open? Grant, return false. Else Push
//       Open()                   core::Woken woken; absl::MutexLock lock(&mutex_);  // this order
//                                while (!waiters_.empty()) Grant(*waiters_.Pop(), woken);
//       Grant(waiter, woken)     waiter.granted_ = true; woken.Add(waiter);
//
// Invariants
//   W1  An entry is in at most one list; it is in one if and only if previous_ is not null (that of
//       the first entry points at the entry itself). Only the list writes it, so it tells after a
//       Post, too, whether the entry waits. Node::next is the list's while the entry is in it.
//   W2  An entry leaves its list once for each time it was put in, under the lock. What takes it
//       out posts it, once, or tells its task that no post will come (Withdraw, Suspend). So a
//       grant and a cancellation cannot both happen, and none is lost.
//   W3  What is written into an entry under the lock, before it is posted, is seen by its OnReady.
//   W4  An entry may be gone as soon as it has been posted. The list outlives it: a Cancel may come
//       between the post and OnReady.
// Everything takes constant time, but for Woken, which takes constant time for each entry, and
// PopFirst, which walks.
//
// Threads: a list is its lock's, except size(). An entry's Cancel runs in its task and takes the
// lock, so no entry is cancelled by a thread that holds it.
// Checked by: tests/core/sync/wait_list_test.cc, tests/model (wait_list_model_test.cc and, with
// planted mistakes, wait_list_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_WAIT_LIST_H_
#define SLUICE_CORE_SYNC_WAIT_LIST_H_

#include <coroutine>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/thread_mutex.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core {

class WaitListBase;

class WaitEntry : public Waiter {
 public:
  WaitEntry() = default;
  WaitEntry(const WaitEntry&) = delete;
  WaitEntry& operator=(const WaitEntry&) = delete;

  // Inside its task: if it still waits it leaves the list, ungranted, and is posted.
  void Cancel() override;
  const void* Resource() const override { return list_; }

 protected:
  ~WaitEntry() { SLUICE_DCHECK(previous_ == nullptr); }

  // For a new wait of `task`, before the entry is put into a list.
  void Prepare(Runnable& task) {
    SLUICE_DCHECK(previous_ == nullptr);
    task_ = &task;
    list_ = nullptr;
  }
  Runnable& task() const { return *task_; }

  // Inside its task: takes the entry out of the list. False: it does not wait; if it did, it has
  // been granted something and OnReady is on its way.
  bool Withdraw();

 private:
  friend class WaitListBase;
  friend class Woken;

  WaitListBase* list_ = nullptr;  // the one that this wait has put it into, if any
  Runnable* task_ = nullptr;
  WaitEntry* previous_ = nullptr;
};

// What a WaitList does, for entries of any type.
class WaitListBase {
 public:
  // `mutex` is the owner's, of either kind; a lock may guard several lists.
  explicit WaitListBase(absl::Mutex& mutex) : mutex_(reinterpret_cast<uintptr_t>(&mutex)) {}
  explicit WaitListBase(ThreadMutex& mutex)
      : mutex_(reinterpret_cast<uintptr_t>(&mutex) | kThreadMutex) {}
  WaitListBase(const WaitListBase&) = delete;
  WaitListBase& operator=(const WaitListBase&) = delete;
  ~WaitListBase() { SLUICE_DCHECK(first_ == nullptr); }

  bool empty() const { return first_ == nullptr; }

  // How many entries there are. Any thread may ask without the lock, which lets an owner spare it
  // when nothing waits: the entry that is put in and then looks once more, with a fence between,
  // sees what was given back by a thread that then read 0, also with a fence between.
  uint32_t size() const { return size_.load(std::memory_order_relaxed); }

  // Whether `entry` waits in some list (W1).
  static bool Contains(const WaitEntry& entry) { return entry.previous_ != nullptr; }

  void Push(WaitEntry& entry) { Insert(nullptr, entry); }
  // `place` is in this list.
  void InsertBefore(WaitEntry& place, WaitEntry& entry) { Insert(&place, entry); }

  // Returns true if it was here.
  bool Remove(WaitEntry& entry);

 protected:
  WaitEntry* front() const { return first_; }
  static WaitEntry* Following(const WaitEntry& entry) {
    return static_cast<WaitEntry*>(entry.next);
  }

 private:
  friend class WaitEntry;

  // Before `place`; null: at the end.
  void Insert(WaitEntry* place, WaitEntry& entry);
  // As Remove; not under the lock.
  bool LockAndRemove(WaitEntry& entry);

  static constexpr uintptr_t kThreadMutex = 1;
  const uintptr_t mutex_;  // a pointer to it, and which kind it is
  WaitEntry* first_ = nullptr;
  WaitEntry* last_ = nullptr;
  Atomic<uint32_t> size_{0};  // written under the lock
};

// T is a WaitEntry.
template <typename T>
class WaitList : public WaitListBase {
 public:
  using WaitListBase::WaitListBase;

  // The one that has waited longest; null when the list is empty.
  T* first() const { return static_cast<T*>(front()); }
  // The one behind `entry`, which is in the list; null if it is the last.
  static T* Next(const T& entry) { return static_cast<T*>(Following(entry)); }

  T* Pop() {  // not when empty
    T* entry = first();
    Remove(*entry);
    return entry;
  }

  // Takes out the first entry that `accepts(entry)`; null: there is none.
  template <typename Accepts>
  T* PopFirst(Accepts accepts) {
    for (T* entry = first(); entry != nullptr; entry = Next(*entry)) {
      if (!accepts(*entry)) continue;
      Remove(*entry);
      return entry;
    }
    return nullptr;
  }
};

// Made before the lock is taken, so that it goes after the lock has been released: then it posts
// what was added, in that order.
class Woken {
 public:
  Woken() = default;
  Woken(const Woken&) = delete;
  Woken& operator=(const Woken&) = delete;
  ~Woken() { PostAll(); }

  // Under the lock: `entry` has just been taken out of its list.
  void Add(WaitEntry& entry) { entries_.Push(entry); }

  // Not under the lock.
  void PostAll();

 private:
  NodeQueue entries_;
};

// The base of an awaiter: a type that derives from it is awaited, once.
class WaitAwaiter : public WaitEntry {
 public:
  bool await_ready() const noexcept { return false; }

  void OnReady() override { waiter_.resume(); }

 protected:
  ~WaitAwaiter() = default;

  // What await_suspend returns. `queue()` takes the lock and puts this entry into a list, or
  // returns false: there is nothing to wait for. It is not called in a cancelled scope.
  template <typename Promise, typename Queue>
  bool Suspend(std::coroutine_handle<Promise> handle, Queue queue) {
    PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) return false;
    Prepare(*promise.task);
    waiter_ = handle;
    if (!queue()) return false;
    // The entry may have been posted by now; its OnReady comes only when this run has suspended.
    scope_ = promise.scope;
    scope_->Enter(*this);
    return true;
  }

  // What `queue()` returns when there is nothing to wait for. The coroutine goes on at once or, if
  // its task has used up its budget, when the worker's other tasks have had a turn: a loop over
  // something that never makes it wait lets others run all the same. Not under the lock.
  bool GoOn() {
    if (task().ConsumeBudget()) return false;
    task().Post(*this);
    return true;
  }

  // The first thing await_resume does.
  void Resumed() {
    if (scope_ != nullptr) scope_->Leave(*this);
  }

 private:
  CancelScope* scope_ = nullptr;  // while suspended
  std::coroutine_handle<> waiter_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_WAIT_LIST_H_
