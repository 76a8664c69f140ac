// ChannelSender, ChannelPermit, ChannelReceiver: the ends of an Mpsc and of an Mpmc, which differ
// only in whether there may be several receivers. Internal; mpsc.h and mpmc.h tell how they are
// used, bounded_channel.h how they work.
//
//     Mpsc<int>::Sender is a ChannelSender<int>, Mpsc<int>::Receiver a ChannelReceiver<int, false>.
//
// Threads: an end is used by one at a time, any.
// Checked by: tests/core/sync/mpsc_test.cc, tests/core/sync/mpmc_test.cc.
#ifndef SLUICE_CORE_SYNC_CHANNEL_ENDS_H_
#define SLUICE_CORE_SYNC_CHANNEL_ENDS_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/sync/blocking_wait.h"
#include "core/sync/bounded_channel.h"
#include "core/sync/send_result.h"
#include "core/sync/sender_ref.h"

namespace sluice::core {

// A slot that is reserved: what is sent with it finds room.
template <typename T>
class [[nodiscard]] ChannelPermit {
  using Channel = internal::BoundedChannel<T>;

 public:
  ChannelPermit() = default;  // has been used
  explicit ChannelPermit(Channel& channel) : channel_(&channel) {}
  ChannelPermit(ChannelPermit&& other) noexcept = default;
  ChannelPermit& operator=(ChannelPermit&& other) noexcept {
    ChannelPermit before(std::move(*this));
    channel_ = std::move(other.channel_);
    return *this;
  }
  // Unused: the slot is free again.
  ~ChannelPermit() {
    if (channel_) channel_->ReturnReserved();
  }

  // Once. Cannot fail; if all receivers have gone meanwhile, the value goes, too.
  void Send(T value) {
    SLUICE_CHECK_USE(channel_, "this permit has been used: reserve one for each value");
    channel_->SendReserved(value);
    channel_ = {};
  }

 private:
  IntrusivePtr<Channel> channel_;
};

template <typename T>
class ChannelSender {
  using Channel = internal::BoundedChannel<T>;
  using SlotWait = internal::SlotWait<T>;

 public:
  using Permit = ChannelPermit<T>;

  ChannelSender() = default;  // can only be assigned to
  explicit ChannelSender(IntrusivePtr<Channel> channel) : channel_(std::move(channel)) {}

  class SendAwaiter final : public SlotWait {
   public:
    SendAwaiter(Channel& channel, T value)
        : SlotWait(&value_), channel_(channel), value_(std::move(value)) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] { return channel_.SendOrQueue(*this) || this->GoOn(); });
    }
    SendResult<T> await_resume() {
      this->Resumed();
      return SendResult<T>::Of(this->error, value_);
    }

   private:
    Channel& channel_;
    T value_;
  };

  // `SendResult<T> sent = co_await sender.Send(value);` Waits for a free slot.
  [[nodiscard]] SendAwaiter Send(T value) { return SendAwaiter(*channel_, std::move(value)); }

  // EAGAIN: no slot is free.
  SendResult<T> TrySend(T value) {
    const int error = channel_->TrySend(value);
    return SendResult<T>::Of(error, value);
  }

  class ReserveAwaiter final : public SlotWait {
   public:
    explicit ReserveAwaiter(Channel& channel) : SlotWait(nullptr), channel_(channel) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle, [this] { return channel_.SendOrQueue(*this) || this->GoOn(); });
    }
    IoResult<Permit> await_resume() {
      this->Resumed();
      if (this->error != 0) return IoError(this->error);
      return Permit(channel_);
    }

   private:
    Channel& channel_;
  };

  // `IoResult<Permit> permit = co_await sender.Reserve();` Waits for a free slot.
  [[nodiscard]] ReserveAwaiter Reserve() { return ReserveAwaiter(*channel_); }

  IoResult<Permit> TryReserve() {
    if (const int error = channel_->TryReserve(); error != 0) return IoError(error);
    return Permit(*channel_);
  }

  // A thread that runs no tasks waits here for a free slot.
  SendResult<T> BlockingSend(T value) {
    internal::BlockingWait<SlotWait> wait(&value);
    wait.Run([&] { return channel_->SendOrQueue(wait); });
    return SendResult<T>::Of(wait.error, value);
  }

  // Whether every Send would bring EPIPE.
  bool closed() const { return channel_->closed(); }
  size_t capacity() const { return channel_->capacity(); }

 private:
  internal::SenderRef<Channel> channel_;
};

// kShared: it can be copied; the copies share what comes.
template <typename T, bool kShared>
class ChannelReceiver {
  using Channel = internal::BoundedChannel<T>;
  using ItemWait = internal::ItemWait<T>;

 public:
  ChannelReceiver() = default;  // can only be assigned to
  explicit ChannelReceiver(IntrusivePtr<Channel> channel) : channel_(std::move(channel)) {
    if (channel_) channel_->AddReceiver();
  }
  ChannelReceiver(const ChannelReceiver& other)
    requires kShared
      : ChannelReceiver(other.channel_) {}
  ChannelReceiver(ChannelReceiver&& other) noexcept = default;
  ChannelReceiver& operator=(ChannelReceiver other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~ChannelReceiver() {
    if (channel_) channel_->DropReceiver();
  }

  class NextAwaiter final : public ItemWait {
   public:
    explicit NextAwaiter(Channel& channel) : channel_(channel) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle,
                           [this] { return channel_.ReceiveOrQueue(*this) || this->GoOn(); });
    }
    bool WouldWait() const { return channel_.NothingToReceive(); }
    IoResult<T> await_resume() {
      this->Resumed();
      return this->TakeResult();
    }

   private:
    Channel& channel_;
  };

  // `IoResult<T> value = co_await receiver.Next();`
  [[nodiscard]] NextAwaiter Next() { return NextAwaiter(channel()); }

  class NextManyAwaiter final : public ItemWait {
   public:
    NextManyAwaiter(Channel& channel, std::vector<T>& values, size_t most)
        : channel_(channel), values_(values), most_(most) {
      SLUICE_CHECK_USE(most > 0, "ask for at least one value");
    }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return this->Suspend(handle,
                           [this] { return channel_.ReceiveOrQueue(*this) || this->GoOn(); });
    }
    bool WouldWait() const { return channel_.NothingToReceive(); }
    IoResult<size_t> await_resume() {
      this->Resumed();
      if (this->error != 0) return IoError(this->error);
      const size_t before = values_.size();
      values_.push_back(*std::move(this->value));
      const size_t more = std::min(most_, channel_.capacity() + 1) - 1;
      // Under the lock nothing is allocated; doubled, so that appending again and again is cheap.
      if (values_.capacity() - values_.size() < more) {
        values_.reserve(std::max(values_.size() + more, 2 * values_.size()));
      }
      channel_.ReceiveMore(values_, more);
      return values_.size() - before;
    }

   private:
    Channel& channel_;
    std::vector<T>& values_;
    const size_t most_;
  };

  // `IoResult<size_t> count = co_await receiver.NextMany(values, 100);` Waits for one value, then
  // appends it and what else is there, at most `most` values, and tells how many they are. One lock
  // for all of them.
  [[nodiscard]] NextManyAwaiter NextMany(std::vector<T>& values, size_t most) {
    return NextManyAwaiter(channel(), values, most);
  }

  // EAGAIN: nothing is there.
  IoResult<T> TryNext() {
    std::optional<T> value;
    if (const int error = channel().TryReceive(value); error != 0) return IoError(error);
    return *std::move(value);
  }

  // A thread that runs no tasks waits here.
  IoResult<T> BlockingNext() {
    internal::BlockingWait<ItemWait> wait;
    wait.Run([&] { return channel().ReceiveOrQueue(wait); });
    return wait.TakeResult();
  }

  // From now on nothing can be sent, but for permits that are out. What has been sent can still be
  // received; then comes EPIPE.
  void Close() { channel().Close(); }

  // How many values are there; for tests and logs: it may be another a moment later.
  size_t size() const { return channel().size(); }

 private:
  Channel& channel() const {
    SLUICE_CHECK_USE(channel_, "this receiver was moved from");
    return *channel_;
  }

  IntrusivePtr<Channel> channel_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_CHANNEL_ENDS_H_
