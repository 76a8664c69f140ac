#include "core/testing/duplex.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace sluice::core::testing {

WaitList<BytePipe::Transfer>& BytePipe::Reading::list() { return pipe_.readers_; }
WaitList<BytePipe::Transfer>& BytePipe::Writing::list() { return pipe_.writers_; }

// Under the lock, as Serve and Queue hold it.
bool BytePipe::Reading::Move() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  BytePipe& pipe = pipe_;
  if (pipe.bytes_.empty() && !pipe.written_) return false;
  const size_t count = std::min(bytes_.size(), pipe.bytes_.size());
  const auto end = pipe.bytes_.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(pipe.bytes_.begin(), end, bytes_.begin());
  pipe.bytes_.erase(pipe.bytes_.begin(), end);
  outcome_ = count;
  return true;
}

bool BytePipe::Writing::Move() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  BytePipe& pipe = pipe_;
  if (pipe.unread_ || pipe.written_) {
    outcome_ = IoError(EPIPE);
    return true;
  }
  size_t count = 0;
  bool is_empty = true;
  for (const std::span<const std::byte> part : parts_) {
    const size_t fits = std::min(part.size(), pipe.capacity_ - pipe.bytes_.size());
    pipe.bytes_.insert(pipe.bytes_.end(), part.begin(),
                       part.begin() + static_cast<std::ptrdiff_t>(fits));
    count += fits;
    is_empty = is_empty && part.empty();
  }
  if (count == 0 && !is_empty) return false;
  outcome_ = count;
  return true;
}

bool BytePipe::Queue(Transfer& transfer) {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  if (transfer.Move()) {
    Serve(woken);
    return false;
  }
  transfer.list().Push(transfer);
  return true;
}

bool BytePipe::MoveNow(Transfer& transfer) {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  if (!transfer.Move()) return false;
  Serve(woken);
  return true;
}

size_t BytePipe::size() {
  absl::MutexLock lock(&mutex_);
  return bytes_.size();
}

void BytePipe::Serve(Woken& woken) {
  for (bool moved = true; moved;) {
    moved = false;
    for (WaitList<Transfer>* list : {&readers_, &writers_}) {
      while (!list->empty() && list->first()->Move()) {
        woken.Add(*list->Pop());
        moved = true;
      }
    }
  }
}

void BytePipe::EndWriting() {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  written_ = true;
  Serve(woken);
}

void BytePipe::EndReading() {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  unread_ = true;
  bytes_.clear();
  Serve(woken);
}

std::pair<Duplex, Duplex> Duplex::Make(size_t capacity) {
  auto there = std::make_shared<BytePipe>(capacity);
  auto back = std::make_shared<BytePipe>(capacity);
  return {Duplex(back, there), Duplex(there, back)};
}

Duplex::~Duplex() {
  if (in_ == nullptr) return;
  out_->EndWriting();
  in_->EndReading();
}

}  // namespace sluice::core::testing
