#include "core/runtime/root.h"

#include "core/runtime/task_registry.h"

namespace sluice::core {

// An abort on its way to the task.
class RootBase::AbortNote final : public Node {
 public:
  explicit AbortNote(RootBase& root) : root_(root) {}
  void OnReady() override {
    RootBase& root = root_;
    delete this;
    root.OnAbort();
  }

 private:
  RootBase& root_;
};

bool RootBase::Await(Joiner& joiner, Runnable& waiting_task) {
  joiner.task_ = &waiting_task;
  uintptr_t none = kNoJoiner;
  return joiner_.compare_exchange_strong(none, reinterpret_cast<uintptr_t>(&joiner),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
}

void RootBase::StopAwaiting(Joiner& joiner) {
  auto word = reinterpret_cast<uintptr_t>(&joiner);
  if (joiner_.compare_exchange_strong(word, kNoJoiner, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
    joiner.task_->Post(joiner);
  }
}

bool RootBase::Abort() {
  uint8_t none = kNone;
  if (abort_.load(std::memory_order_relaxed) != kNone) return false;
  auto* const note = new AbortNote(*this);
  if (!abort_.compare_exchange_strong(none, kRequested, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
    delete note;
    return false;
  }
  Post(*note);
  return true;
}

// The task's first event.
void RootBase::OnReady() {
  const bool aborted = abort_.load(std::memory_order_relaxed) == kRequested;
  if (aborted && !local()) [[unlikely]] {
    never_begun_ = true;
    body_ended_ = true;
    return;  // the note is on its way
  }
  TaskRegistry* const registry = shared().registry();
  const bool refused = registry != nullptr && registry->closed();
  if (refused && !local()) [[unlikely]] {
    never_begun_ = true;
    BodyEnded();
    return;
  }
  if (aborted || refused) [[unlikely]]
    own_scope_.Cancel();
  Begin();
  if (registry == nullptr || ended()) return;  // most tasks end in their first run
  if (!registry->Add(*this)) own_scope_.Cancel();
}

void RootBase::BodyEnded() {
  // If nothing else refers to it, and the registry does not, nothing will abort it.
  if (!listed_ && IsLastRef() && abort_.load(std::memory_order_relaxed) == kNone) {
    MarkDone();
    return;
  }
  if (abort_.exchange(kClosed, std::memory_order_acq_rel) == kNone) [[likely]] {
    MarkDone();
    return;
  }
  body_ended_ = true;
  if (note_came_) MarkDone();
}

void RootBase::OnAbort() {
  note_came_ = true;
  if (body_ended_) {
    MarkDone();
  } else {
    own_scope_.Cancel();
  }
}

void RootBase::Finish() {
  Shared& runtime = shared();
  if (listed_) runtime.registry()->Remove(*this);
  TaskEndObserver* const observer = end_observer();
  RunWatcher* const watcher = scheduler().watcher();
  if (watcher != nullptr) [[unlikely]]
    set_scheduler(watcher->behind());
  if (!IsLastRef()) {  // else nothing waits, nor ever will
    const uintptr_t word = joiner_.exchange(kFinished, std::memory_order_acq_rel);
    if (word != kNoJoiner) {
      auto* const joiner = reinterpret_cast<Joiner*>(word);
      joiner->task_->Post(*joiner);
    }
  }
  Unref();
  if (observer != nullptr) observer->TaskEnded();
  if (watcher != nullptr) [[unlikely]]
    watcher->Release();
  runtime.NoteTaskEnd();
}

}  // namespace sluice::core
