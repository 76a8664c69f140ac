// SenderRef: a reference to what a channel consists of, counted as one of its senders. Internal:
// the senders of all channels that can have several hold one.
//
// Threads: a reference is used by one at a time, any.
// Checked by: tests/core/sync/mpsc_test.cc, tests/core/sync/broadcast_test.cc,
// tests/core/sync/watch_test.cc.
#ifndef SLUICE_CORE_SYNC_SENDER_REF_H_
#define SLUICE_CORE_SYNC_SENDER_REF_H_

#include <utility>

#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"

namespace sluice::core::internal {

// State has AddSender and DropSender.
template <typename State>
class SenderRef {
 public:
  SenderRef() = default;  // can only be assigned to
  explicit SenderRef(IntrusivePtr<State> state) : state_(std::move(state)) {
    if (state_) state_->AddSender();
  }
  SenderRef(const SenderRef& other) : SenderRef(other.state_) {}
  SenderRef(SenderRef&& other) noexcept = default;
  SenderRef& operator=(SenderRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~SenderRef() {
    if (state_) state_->DropSender();
  }

  State& operator*() const {
    SLUICE_CHECK_USE(state_, "this sender was moved from");
    return *state_;
  }
  State* operator->() const { return &**this; }

 private:
  IntrusivePtr<State> state_;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_SYNC_SENDER_REF_H_
