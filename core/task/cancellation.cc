#include "core/task/cancellation.h"

#include "core/base/check.h"

namespace sluice::core {

CancelNotice::~CancelNotice() { SLUICE_DCHECK(!registered_); }

void CancelNotice::Register(CancellationToken token, Runnable& task) {
  SLUICE_DCHECK(!registered_);
  source_ = token.source_;
  task_ = &task;
  registered_ = true;
  {
    absl::MutexLock lock(&source_->mutex_);
    if (!source_->cancelled_.load(std::memory_order_relaxed)) {
      previous_ = nullptr;
      next = source_->first_;
      if (source_->first_ != nullptr) source_->first_->previous_ = this;
      source_->first_ = this;
      listed_ = true;
      return;
    }
  }
  task.Post(*this);
}

bool CancelNotice::Unregister() {
  if (!registered_) return false;
  absl::MutexLock lock(&source_->mutex_);
  if (!listed_) return false;
  CancelNotice* following = static_cast<CancelNotice*>(next);
  if (following != nullptr) following->previous_ = previous_;
  if (previous_ != nullptr) {
    previous_->next = following;
  } else {
    source_->first_ = following;
  }
  next = nullptr;
  listed_ = false;
  registered_ = false;
  return true;
}

void CancelNotice::Cancel() {
  if (!Unregister()) return;
  registered_ = true;  // until OnReady
  task_->Post(*this);
}

CancellationSource::~CancellationSource() {
  absl::MutexLock lock(&mutex_);
  SLUICE_CHECK(first_ == nullptr);
}

void CancellationSource::Cancel() {
  CancelNotice* notice;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_.store(true, std::memory_order_release);
    notice = first_;
    first_ = nullptr;
    for (CancelNotice* n = notice; n != nullptr; n = static_cast<CancelNotice*>(n->next)) {
      n->listed_ = false;
    }
  }
  while (notice != nullptr) {
    CancelNotice* following = static_cast<CancelNotice*>(notice->next);
    notice->task_->Post(*notice);
    notice = following;
  }
}

}  // namespace sluice::core
