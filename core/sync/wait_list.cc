#include "core/sync/wait_list.h"

namespace sluice::core {

bool WaitEntry::Withdraw() { return list_ != nullptr && list_->LockAndRemove(*this); }

void WaitEntry::Cancel() {
  if (Withdraw()) task_->Post(*this);
}

void WaitListBase::Insert(WaitEntry* place, WaitEntry& entry) {
  SLUICE_DCHECK(!Contains(entry) && (place == nullptr || place->list_ == this));  // W1
  WaitEntry* const before = place == nullptr ? last_ : place == first_ ? nullptr : place->previous_;
  entry.list_ = this;
  entry.next = place;
  entry.previous_ = before == nullptr ? &entry : before;
  if (before == nullptr) {
    first_ = &entry;
  } else {
    before->next = &entry;
  }
  if (place == nullptr) {
    last_ = &entry;
  } else {
    place->previous_ = &entry;
  }
  size_.store(size() + 1, std::memory_order_relaxed);
}

bool WaitListBase::Remove(WaitEntry& entry) {
  if (!Contains(entry)) return false;
  SLUICE_DCHECK(entry.list_ == this);
  WaitEntry* const after = Following(entry);
  WaitEntry* const before = &entry == first_ ? nullptr : entry.previous_;
  if (before == nullptr) {
    first_ = after;
  } else {
    before->next = after;
  }
  if (after == nullptr) {
    last_ = before;
  } else {
    after->previous_ = before == nullptr ? after : before;
  }
  entry.next = nullptr;
  entry.previous_ = nullptr;
  size_.store(size() - 1, std::memory_order_relaxed);
  return true;
}

bool WaitListBase::LockAndRemove(WaitEntry& entry) {
  if ((mutex_ & kThreadMutex) != 0) {
    ThreadMutexLock lock(reinterpret_cast<ThreadMutex*>(mutex_ - kThreadMutex));
    return Remove(entry);
  }
  absl::MutexLock lock(reinterpret_cast<absl::Mutex*>(mutex_));
  return Remove(entry);
}

void Woken::PostAll() {
  while (!entries_.empty()) {
    WaitEntry& entry = static_cast<WaitEntry&>(*entries_.Pop());
    entry.task_->Post(entry);
  }
}

}  // namespace sluice::core
