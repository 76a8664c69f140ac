// WaiterList: nodes that wait for something, first in, first out; any of them leaves in constant
// time.
//
//      first_ ──► a ──next──► b ──next──► c ──► null        previous: c ──► b ──► a ──► (itself)
//      last_  ─────────────────────────► c
//
// A NodeQueue has one link less and walks to remove a node: for lists that are short or only
// popped.
// Thousands wait in a WaiterList, leave in any order, and every removal is made under a lock.
//
//   I1  A node that is in no list has previous == null; one in a list has not (the first one points
//       at itself). Only the list writes it, so it tells after a Pop and a Post who is still here.
//   I2  Node::next belongs to the list while the node is in it.
//
// Threads: one at a time, for the list and the links of its nodes. Checked by:
// tests/core/task/waiter_list_test.cc.
#ifndef SLUICE_CORE_TASK_WAITER_LIST_H_
#define SLUICE_CORE_TASK_WAITER_LIST_H_

#include "core/base/check.h"
#include "core/task/runnable.h"

namespace sluice::core {

// T is a Node with a public member `T* previous = nullptr`, which is the list's.
template <typename T>
class WaiterList {
 public:
  WaiterList() = default;
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;

  bool empty() const { return first_ == nullptr; }
  // Null when empty.
  T* first() const { return first_; }
  // The one behind `node`, which is in the list; null: it is the last.
  static T* Next(const T& node) { return static_cast<T*>(node.next); }
  // Whether `node` is in a list; a node is only ever put into one.
  static bool Contains(const T& node) { return node.previous != nullptr; }

  void Push(T& node) {
    SLUICE_DCHECK(!Contains(node));
    node.next = nullptr;
    node.previous = last_ == nullptr ? &node : last_;
    if (last_ == nullptr) {
      first_ = &node;
    } else {
      last_->next = &node;
    }
    last_ = &node;
  }

  // Before `place`, which is in the list.
  void InsertBefore(T& place, T& node) {
    SLUICE_DCHECK(Contains(place) && !Contains(node));
    const bool is_first = first_ == &place;
    node.next = &place;
    node.previous = is_first ? &node : place.previous;
    if (is_first) {
      first_ = &node;
    } else {
      place.previous->next = &node;
    }
    place.previous = &node;
  }

  T* Pop() {  // not when empty
    T* node = first_;
    Unlink(*node);
    return node;
  }

  // Returns true if it was here.
  bool Remove(T& node) {
    if (!Contains(node)) return false;
    Unlink(node);
    return true;
  }

 private:
  void Unlink(T& node) {
    T* const next = Next(node);
    T* const previous = first_ == &node ? nullptr : node.previous;
    if (previous == nullptr) {
      first_ = next;
    } else {
      previous->next = next;
    }
    if (next == nullptr) {
      last_ = previous;
    } else {
      next->previous = previous == nullptr ? next : previous;
    }
    node.next = nullptr;
    node.previous = nullptr;
  }

  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_WAITER_LIST_H_
