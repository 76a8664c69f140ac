// Node: one event on its way to a task; NodeQueue: nodes, first in, first out.
//
// A NodeQueue has one link a node and walks to remove one: for queues that are short or are only
// popped. Where many wait and leave in any order there is core/sync/wait_list.h.
#ifndef SLUICE_CORE_TASK_NODE_QUEUE_H_
#define SLUICE_CORE_TASK_NODE_QUEUE_H_

#include <utility>

namespace sluice::core {

// One thing that has happened to a task. OnReady runs in the task, on whatever worker runs it.
class Node {
 public:
  virtual void OnReady() = 0;

  // Link of the list that the node is in: its owner's between Post and OnReady.
  Node* next = nullptr;

 protected:
  ~Node() = default;
};

// First in, first out; intrusive, a ring that is known by its last node. One thread at a time.
class NodeQueue {
 public:
  bool empty() const { return last_ == nullptr; }
  void Push(Node& node) {
    node.next = last_ == nullptr ? &node : std::exchange(last_->next, &node);
    last_ = &node;
  }
  Node* Pop() {  // not when empty
    Node* node = last_->next;
    Unlink(*last_, *node);
    return node;
  }
  Node& last() const { return *last_; }  // not when empty
  // True: it was here. Walks the queue.
  bool Remove(Node& node) {
    if (last_ == nullptr) return false;
    Node* previous = last_;
    while (previous->next != &node) {
      previous = previous->next;
      if (previous == last_) return false;
    }
    Unlink(*previous, node);
    return true;
  }

 private:
  void Unlink(Node& previous, Node& node) {
    previous.next = node.next;
    if (last_ == &node) last_ = &previous == &node ? nullptr : &previous;
    node.next = nullptr;
  }

  Node* last_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_NODE_QUEUE_H_
