#include "core/task/runnable.h"

#include "core/base/check.h"
#include "core/task/run_watcher.h"

namespace sluice::core {
namespace {

// What Run tells if nothing watches: nothing.
struct NoWatcher {
  void Suspends() {}
  void GoesOn() {}
  void GivesWay() {}
  void Ends() {}
};
struct OneWatcher {
  RunWatcher& watcher;
  void Suspends() { watcher.Suspends(); }
  void GoesOn() { watcher.GoesOn(); }
  void GivesWay() { watcher.GivesWay(); }
  void Ends() { watcher.Ends(); }
};

}  // namespace

Node* Runnable::IdleMark() { return reinterpret_cast<Node*>(uintptr_t{1}); }

void Runnable::Post(Node& node) {
  Scheduler* scheduler = scheduler_;
  Node* newest = inbox_.load(std::memory_order_relaxed);
  do {
    node.next = newest == IdleMark() ? nullptr : newest;
  } while (!inbox_.compare_exchange_weak(newest, &node, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  // Unless it was idle, the task may be gone by now.
  if (newest == IdleMark()) scheduler->Schedule(*this);
}

// Moves the inbox to `pending_`, oldest first. False: the inbox was empty.
bool Runnable::TakeInbox() {
  SLUICE_DCHECK(pending_ == nullptr);
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return false;  // no locked instruction
  Node* node = inbox_.exchange(nullptr, std::memory_order_acquire);
  SLUICE_DCHECK(node != IdleMark());
  while (node != nullptr) {
    Node* older = node->next;
    node->next = pending_;
    pending_ = node;
    node = older;
  }
  return pending_ != nullptr;
}

Runnable::Outcome Runnable::Run(int32_t& copied) { return RunAs(NoWatcher(), copied); }

Runnable::Outcome Runnable::RunWatched(RunWatcher& watcher, int32_t& copied) {
  watcher.RunBegins();
  return RunAs(OneWatcher{watcher}, copied);
}

template <typename Watcher>
Runnable::Outcome Runnable::RunAs(Watcher watcher, int32_t& copied) {
  budget_ = kCoopBudget;
  copied_ = 0;
  for (;;) {
    if (pending_ == nullptr && !TakeInbox()) {
      Node* empty = nullptr;
      copied = copied_;
      heavy_ = copied > kHeavyUnits;
      watcher.Suspends();
      if (inbox_.compare_exchange_strong(empty, IdleMark(), std::memory_order_release,
                                         std::memory_order_relaxed)) {
        return Outcome::kIdle;
      }
      watcher.GoesOn();
      continue;
    }
    Node* node = pending_;
    pending_ = node->next;
    node->next = nullptr;
    node->OnReady();
    if (done_) {
      SLUICE_DCHECK(pending_ == nullptr);  // I3
      copied = copied_;
      watcher.Ends();
      Finish();
      return Outcome::kDone;
    }
    // What was ready before it gave way is not put off: ten branches that yield are one turn.
    if ((!gives_way_ || pending_ != nullptr) && ConsumeBudget()) continue;
    copied = copied_;
    watcher.GivesWay();
    const bool has_asked = gives_way_ && pending_ == nullptr;
    gives_way_ = false;
    heavy_ = !has_asked || copied > kHeavyUnits;
    return has_asked ? Outcome::kGiveWay : Outcome::kYield;
  }
}

}  // namespace sluice::core
